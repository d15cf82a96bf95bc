"""The reports of MIMIC-CXR: one text file per study, in folders or in the zip that PhysioNet offers."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

from medxpert.data.tables import RowError
from medxpert.data.trees import ending, find, find_all, folders_of, listing
from medxpert.errors import ConfigError, DataError

TOP_FOLDERS = ("files/p1[0-9]", "p1[0-9]")
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
"""What reading a member of a damaged zip raises."""
_FOREIGN = "__MACOSX/"
"""Where one system's packer puts files of its own, under the names of ours."""
_LOOKED_AT = 200
"""Patients of each top folder that are searched for a first file: where 200 have none, the folder has none."""


class Reports(Protocol):
    """The reports of studies, by patient and study."""

    def read(self, patient_id: str, study_id: str) -> str:
        """Return the text of one report.

        Raises:
            RowError: "report missing" or "report cannot be read".
        """
        ...

    def study_ids(self) -> Iterator[str]:
        """Yield the studies that have a report, sorted."""
        ...


def open_reports(where: str | None, images: Path) -> Reports:
    """Open the reports in a folder, in a folder that holds mimic-cxr-reports.zip, or in such a zip.

    Args:
        where: what data.reports names; None looks among the images.
        images: what data.images names.

    Raises:
        ConfigError: `where` does not exist.
        DataError: there are no reports, or the zip is broken.
    """
    path = images if where is None else Path(where).expanduser()
    if path.is_file():
        return ZippedReports(path)
    if not path.is_dir():
        raise ConfigError(f"data.reports={where}: expected a folder or a zip, found nothing; change data.reports")
    packed = find(path, "mimic-cxr-reports*.zip")
    if packed is not None:
        return ZippedReports(packed)
    for base in bases(path):
        if ending(sample(base), {".txt"}) is not None:
            return ReportFolder(base)
    raise DataError(
        f"data.reports={path}: expected files/p10/p10000032/s50414267.txt or mimic-cxr-reports.zip, "
        f"found {listing(path)}; reports come with MIMIC-CXR, not with MIMIC-CXR-JPG: set data.reports to them"
    )


def bases(root: Path) -> list[Path]:
    """Return the folders that hold p10 to p19."""
    return list(dict.fromkeys(top.parent for top in find_all(root, *TOP_FOLDERS)))


def sample(base: Path) -> Iterator[Path]:
    """Yield a few patients' folders of each top folder: enough to find what files lie there."""
    for top in sorted(base.glob("p1[0-9]")):
        yield from islice(folders_of(top), _LOOKED_AT)


class ReportFolder:
    """Reports as files: p10/p10000032/s50414267.txt."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def read(self, patient_id: str, study_id: str) -> str:
        """Do what `Reports` says."""
        try:
            with open(f"{self.base}/p{patient_id[:2]}/p{patient_id}/s{study_id}.txt", "rb") as file:
                return _text(file.read())
        except (FileNotFoundError, NotADirectoryError):
            raise RowError("report missing") from None
        except (OSError, ValueError) as error:
            raise RowError("report cannot be read", str(error)) from error

    def study_ids(self) -> Iterator[str]:
        """Do what `Reports` says."""
        for top in sorted(self.base.glob("p1[0-9]")):
            for patient in folders_of(top):
                yield from sorted(_study_id(name) for name in os.listdir(patient) if _is_report(name))


class ZippedReports:
    """Reports as members files/p10/p10000032/s50414267.txt of a zip, under whatever leading folder."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{path}: expected the zip of the reports, found {error}; download it again") from error
        members = (member for member in self._archive.infolist() if not member.filename.startswith(_FOREIGN))
        named = ((member.filename.rpartition("/")[2], member) for member in members)
        self._members = {_study_id(name): member for name, member in named if _is_report(name)}
        if not self._members:
            expected = "expected members such as files/p10/p10000032/s50414267.txt"
            raise DataError(f"{path}: {expected}, found none; set data.reports to mimic-cxr-reports.zip")

    def read(self, patient_id: str, study_id: str) -> str:
        """Do what `Reports` says; study ids are unique, so the patient is not needed."""
        member = self._members.get(study_id)
        if member is None:
            raise RowError("report missing")
        try:
            return _text(self._archive.read(member))
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise RowError("report cannot be read", str(error)) from error

    def study_ids(self) -> Iterator[str]:
        """Do what `Reports` says."""
        return iter(sorted(self._members))


def _is_report(name: str) -> bool:
    return name.startswith("s") and name.endswith(".txt")


def _study_id(name: str) -> str:
    return name[1:-4]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
