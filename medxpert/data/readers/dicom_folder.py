"""Studies of a hospital's own: a tree of DICOM files and a table of reports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from medxpert.data.columns import Columns
from medxpert.data.dicom_tree import MODALITIES, Examination, examinations
from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import Row, RowError, rows, said
from medxpert.data.trees import folder
from medxpert.errors import ConfigError, DataError
from medxpert.images.dataset import SUFFIXES
from medxpert.images.files import ImageFile
from medxpert.images.header import pseudonym
from medxpert.privacy import checked
from medxpert.text import split_sections
from medxpert.words import SPLITS, Policy, Rejected, Study

_TEXTS = ("findings", "impression", "report")


@source
def read(
    split: str,
    images: str,
    reports: str,
    modalities: Sequence[str] = MODALITIES,
    pseudonymise: bool = True,
    policy: Policy = "private",
    seed: int = 0,
) -> Iterator[Study | Rejected]:
    """Read the examinations of one split, in the order of their files' paths; then what reports lack an image.

    Of the DICOM headers only a short list of fields is read (`medxpert.images.header`): nothing that was typed by
    hand. Files with one StudyInstanceUID are one study.

    The table finds a study by the first of these columns that it has: study_instance_uid (or study_id),
    accession_number, image (a file name or path below the folder, with its ending or without, or the SOPInstanceUID),
    patient_id (where the patient has one study only). Texts stand in the columns findings and impression, or in one
    column report that is divided at its headings. A split column decides where studies go; without one, a hash of the
    patient does, 80/10/10. More names for all these columns are listed in columns.json and dicom_folder.json.

    What cannot be used is reported with its own split, or with train when it tells none.

    Args:
        split: one of `SPLITS`.
        images: the folder; files at any depth, named in any way.
        reports: the table, CSV or TSV, optionally gzipped.
        modalities: DICOM terms of what counts as a radiograph.
        pseudonymise: replace patient and study ids by 16 letters of their SHA-256. This keeps hospital numbers out of
            tables and pages but is **no anonymisation**: who can list the numbers can compute the same letters, and
            files keep their paths, dates and burnt-in names. Off, ids are those of the headers.
        policy: what may leave the machine.
        seed: chooses the splits. It is not the training seed.

    Raises:
        ConfigError: the folder or the table does not exist, or an argument is unknown.
        DataError: there is not one DICOM file, or the table is broken or lacks a column.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    known_policy = checked(policy, "data.policy")
    top = folder(images, "data.images")
    table = _Table.of(Path(reports).expanduser())
    items = examinations(top, tuple(modalities), "data.images")
    own = _Own(pseudonymise, known_policy, seed)
    return (item for place, item in _judged(items, table, own) if place == split)


class _Own(NamedTuple):
    """How studies are made."""

    pseudonymise: bool
    policy: Policy
    seed: int

    def id_of(self, value: str) -> str:
        """Return what stands for an id of a header."""
        return pseudonym(value) if self.pseudonymise and value else value

    def place(self, owner: str, split: str = "") -> str:
        """Return the split that the table tells, else that of the patient or whatever stands for one."""
        return split or assign(owner, self.seed)


class _Report(NamedTuple):
    """One row of the table."""

    line: int
    key: str
    patient_id: str
    split: str
    findings: str
    impression: str


class _Table(NamedTuple):
    """The reports, and what kind of key finds them."""

    path: Path
    kind: str
    reports: dict[str, list[_Report]]
    rejected: list[Rejected]

    @classmethod
    def of(cls, path: Path) -> _Table:
        """Read the table.

        Raises:
            ConfigError: there is no such file.
            DataError: it is broken, or has no column that names studies, or none with texts.
        """
        content = rows(path, "data.reports")
        columns, kind = _columns(next(content, Row(1, [])).cells, path)
        table = cls(path, kind, {}, [])
        for row in content:
            try:
                report = _report(row, columns, kind)
                table.reports.setdefault(report.key, []).append(report)
            except RowError as error:
                table.rejected.append(Rejected(f"{path.name}:{row.line}", error.reason, error.detail))
        return table

    def names(self, examination: Examination) -> list[str]:
        """Return all keys by which a report could mean an examination."""
        if self.kind == "study":
            return [examination.study_id]
        if self.kind == "patient":
            return [examination.patient_id]
        if self.kind == "accession":
            return [film.header.accession for film in examination.films]
        paths = [PurePosixPath(film.name) for film in examination.films]
        paths += [path.with_suffix("") for path in paths if path.suffix.lower() in SUFFIXES]
        uids = [film.header.instance_uid for film in examination.films]
        return [*map(str, paths), *(path.name for path in paths), *uids]

    def found(self, examination: Examination) -> list[_Report]:
        """Return the reports that mean an examination, each once."""
        names = dict.fromkeys(name for name in self.names(examination) if name)
        return list(dict.fromkeys(report for name in names for report in self.reports.get(name, ())))


def _names(file: str) -> dict[str, Any]:
    names: dict[str, Any] = json.loads(files("medxpert.data").joinpath(file).read_text("utf-8"))
    return names


def _columns(header: Sequence[str], path: Path) -> tuple[Columns, str]:
    """Return where things stand in a row, and which of them is the key: study, accession, image or patient."""
    known, keys = _names("columns.json")["columns"], _names("readers/dicom_folder.json")
    wanted = {role: known[role] for role in (*_TEXTS, "split")} | keys
    written = ["_".join(name.lower().replace("_", " ").split()) for name in header]
    found = {role: next((name for name in names if name in written), None) for role, names in wanted.items()}
    places = {role: written.index(name) for role, name in found.items() if name is not None}
    kind = next((role for role in keys if role in places), None)
    if kind is None or not places.keys() & set(_TEXTS):
        needed = (
            "study_instance_uid, accession_number, image or patient_id"
            if kind is None
            else "findings, impression or report"
        )
        raise DataError(f"{path}: expected a column {needed}, found {', '.join(header) or 'an empty file'}; rename one")
    return Columns(header, places, {}), kind


def _report(row: Row, columns: Columns, kind: str) -> _Report:
    if len(row.cells) != len(columns.header):
        raise RowError("wrong number of columns", f"expected {len(columns.header)} cells, found {len(row.cells)}")
    key = columns.cell(row, kind).replace("\\", "/").removeprefix("./")
    if not key:
        raise RowError("report without a study")
    split = columns.split(row) if "split" in columns.places else ""
    sections = {name: columns.cell(row, name) for name in ("findings", "impression")}
    if not any(sections.values()):
        sections = split_sections(columns.cell(row, "report"))
    findings, impression = (said(sections.get(name, "")) for name in ("findings", "impression"))
    return _Report(row.line, key, columns.cell(row, "patient"), split, findings, impression)


def _judged(
    items: Sequence[Examination | Rejected], table: _Table, own: _Own
) -> Iterator[tuple[str, Study | Rejected]]:
    """Yield everything with the split that it belongs to."""
    yield from (("train", item) for item in table.rejected)
    fitting: Counter[str] = Counter()
    for item in items:
        if isinstance(item, Examination):
            fitting.update({report.key for report in table.found(item)})
    for item in items:
        yield ("train", item) if isinstance(item, Rejected) else _verdict(item, table.found(item), fitting, own)
    for report in (report for reports in table.reports.values() for report in reports if not fitting[report.key]):
        place = own.place(report.patient_id or report.key, report.split)
        yield place, Rejected(f"{table.path.name}:{report.line}", "report without image")


def _verdict(
    item: Examination, reports: Sequence[_Report], fitting: Mapping[str, int], own: _Own
) -> tuple[str, Study | Rejected]:
    study_id = own.id_of(item.study_id)
    if not reports:
        return own.place(item.patient_id or item.study_id), Rejected(study_id, "image without report")
    first = reports[0]
    patient_id = item.patient_id or first.patient_id
    split = own.place(patient_id or item.study_id, first.split)
    reason = _fault(reports, fitting)
    if reason:
        return split, Rejected(study_id, reason)
    return split, Study(
        study_id=study_id,
        patient_id=own.id_of(patient_id),
        images=tuple(ImageFile(film.path, film.header.view) for film in item.films),
        findings=first.findings,
        impression=first.impression,
        split=split,
        source="dicom_folder",
        policy=own.policy,
    )


def _fault(reports: Sequence[_Report], fitting: Mapping[str, int]) -> str:
    if any(fitting[report.key] > 1 for report in reports):
        return "report fits several studies"
    if len({(report.findings, report.impression, report.split) for report in reports}) > 1:
        return "several reports for one study"
    return "" if reports[0].findings or reports[0].impression else "empty report"
