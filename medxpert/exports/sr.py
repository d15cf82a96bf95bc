"""The report as a DICOM Structured Report beside the image that it is about; only for DICOM images.

Who the patient is and which examination it was are read from the source when the file is written, and go nowhere else.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medxpert.errors import DataError, MissingExtraError
from medxpert.exchange import Exported
from medxpert.folders import atomic_file
from medxpert.images.dataset import SUFFIXES, is_dicom, open_dataset
from medxpert.images.source import head

if TYPE_CHECKING:
    from pydicom import Dataset

_IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_SEXES = ("", "M", "F", "O")
_WITHOUT = "leave sr out of export="


@dataclass(frozen=True, slots=True)
class SrExporter:
    """Writes report.sr.dcm: a Comprehensive SR (TID 2000), partial, unverified and preliminary, for research."""

    def __call__(self, exported: Exported, folder: Path) -> Sequence[Path]:
        """Write a new instance, in a series of its own within the study of the image.

        Raises:
            DataError: what was asked about is no DICOM, or one without the identifiers that a study needs.
            ImageError: the DICOM cannot be read any more.
            ConfigError: highdicom is not installed, or the folder cannot be written.
        """
        source = identified(exported.source)
        try:
            content = importlib.import_module("medxpert.exports.sr_content")
        except ModuleNotFoundError as error:
            raise MissingExtraError("highdicom", "exports") from error
        path = folder / "report.sr.dcm"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # They quote names of patients.
            document = content.document(exported, source)
            with atomic_file(path) as sibling:
                document.save_as(sibling, enforce_file_format=True)
        return [path]


def identified(source: Path | None) -> Dataset:
    """Read from a DICOM what a document about it has to repeat: patient, study, and the image's own identifiers.

    Raises:
        DataError: there is no DICOM, or identifiers are missing or not what DICOM allows; the message names elements,
            never their values.
        ImageError: the DICOM cannot be read.
    """
    dataset = _opened(source)
    missing = [name for name in _IDENTIFIERS if not _is_uid(dataset.get(name))]
    if missing:
        raise DataError(
            f"{source}: expected a DICOM with {', '.join(_IDENTIFIERS)}, found no valid {', '.join(missing)}; "
            f"a structured report needs them, so give the file as the archive has it or {_WITHOUT}"
        )
    return _slim(dataset, source)


def _opened(source: Path | None) -> Dataset:
    if source is None:
        raise DataError(f"sr: expected a DICOM image, found a text query; {_WITHOUT}")
    plain = is_dicom(head(source))
    if not plain and source.suffix.lower() not in SUFFIXES:
        raise DataError(f"{source}: sr expected a DICOM image, found another kind of file; {_WITHOUT}")
    return open_dataset(source, force=not plain, tags=[*_IDENTIFIERS, *_MAY_BE_EMPTY])


def _is_uid(value: object) -> bool:
    from pydicom.uid import UID

    return isinstance(value, UID) and bool(value) and value.is_valid


def _slim(dataset: Dataset, source: Path | None) -> Dataset:
    """Copy the few elements that are needed, as Unicode."""
    from pydicom import Dataset

    slim, faults = Dataset(), list(_faults(dataset))
    if faults:
        raise DataError(
            f"{source}: expected values that DICOM allows, found others in {', '.join(faults)}; "
            f"correct the header or {_WITHOUT}"
        )
    for name in (*_IDENTIFIERS, *_MAY_BE_EMPTY):
        setattr(slim, name, _text(dataset, name))
    return slim


def _faults(dataset: Dataset) -> Iterator[str]:
    from pydicom.config import RAISE
    from pydicom.datadict import dictionary_VR
    from pydicom.valuerep import validate_value

    for name in _MAY_BE_EMPTY:
        try:
            value = _text(dataset, name)
            validate_value(dictionary_VR(name), value, RAISE)
            if name == "PatientSex" and value not in _SEXES:
                yield name
        # pydicom raises many kinds on broken bytes, and names values of the header
        except Exception:
            yield name


def _text(dataset: Dataset, name: str) -> str:
    """Return an element as text; "" where it is absent or empty."""
    value = dataset.get(name)
    return "" if value is None else str(value).strip()
