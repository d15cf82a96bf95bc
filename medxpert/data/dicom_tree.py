"""The examinations in a folder of DICOM files, told from their headers alone."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from medxpert.data.trees import listing
from medxpert.errors import DataError
from medxpert.images.dataset import SUFFIXES, is_dicom
from medxpert.images.errors import ImageError
from medxpert.images.header import DicomHeader, read_header
from medxpert.images.source import head
from medxpert.words import Rejected

MODALITIES = ("CR", "DX", "DR", "RG", "RF", "XA")
"""Radiographs, and fluoroscopes that also take them."""
_INDEX = "DICOMDIR"


class Film(NamedTuple):
    """One radiograph: its file, seen from the top folder, and what its header tells."""

    name: str
    path: Path
    header: DicomHeader


class Examination(NamedTuple):
    """The films of one StudyInstanceUID; a file without one is an examination of its own, named by its path."""

    study_id: str
    patient_id: str
    films: list[Film]


def examinations(top: Path, modalities: Collection[str], setting: str) -> list[Examination | Rejected]:
    """Group all radiographs at any depth, in the order of their paths.

    A file counts as a DICOM where it begins like one, whatever its name, or ends in .dcm or .dicom; others are not
    looked at. A header without a modality counts as a radiograph where it announces pixels.

    Args:
        top: where to look.
        modalities: DICOM terms of what is wanted; everything else is rejected.
        setting: the flag that names the folder.

    Raises:
        DataError: there is not one DICOM file.
    """
    items: list[Examination | Rejected] = []
    known: dict[str, Examination] = {}
    for film in _films(top, modalities):
        if isinstance(film, Rejected):
            items.append(film)
            continue
        study_id = film.header.study_id or film.name
        if study_id not in known:
            known[study_id] = Examination(study_id, film.header.patient_id, [])
            items.append(known[study_id])
        known[study_id].films.append(film)
    if not items:
        raise DataError(f"{setting}={top}: expected DICOM files, found {listing(top)}; change {setting}")
    return items


def _films(top: Path, modalities: Collection[str]) -> Iterator[Film | Rejected]:
    for name in sorted(_names(top)):
        path = top / name
        try:
            if not _is_candidate(path):
                continue
            status = path.stat()
            header = _header(path, status.st_size, status.st_mtime_ns)
        except ImageError as error:
            yield Rejected(name, error.reason, str(error))
            continue
        fault = _fault(header, modalities)
        yield Rejected(name, "not a radiograph", fault) if fault else Film(name, path, header)


def _names(top: Path) -> Iterator[str]:
    for folder, _, names in os.walk(top):
        place = Path(folder).relative_to(top)
        yield from ((place / name).as_posix() for name in names if name != _INDEX and not name.startswith("."))


def _is_candidate(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        return is_dicom(head(path))
    except ImageError:
        return False


@lru_cache(1 << 17)
def _header(path: Path, size: int, mtime_ns: int) -> DicomHeader:
    """Read a header once for all splits; size and time of change make it anew where the file is another one."""
    return read_header(path)


def _fault(header: DicomHeader, modalities: Collection[str]) -> str:
    if header.modality in modalities or (not header.modality and header.rows):
        return ""
    found = f"modality {header.modality}" if header.modality else "neither modality nor pixels"
    return f"expected {', '.join(modalities)}, found {found}"
