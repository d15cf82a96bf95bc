"""Somebody else's list of studies: cases.parquet or cases.csv, of which only the texts are required."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases, absent_columns, read_table
from medxpert.data.columns import Columns
from medxpert.data.tables import Row, rows
from medxpert.errors import DataError
from medxpert.evaluation.foreign.ids import given, patient_ids, study_ids, whole
from medxpert.evaluation.foreign.labels import column_labels, given_labels
from medxpert.text import longest_section
from medxpert.words import POLICIES

PARQUET, CSV = "cases.parquet", "cases.csv"
_PLAIN = ("source", "section", "policy", "image_hash", "images", "truncated", "text")
"""Columns that have one name only."""
_TRUTHS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_COUNT = re.compile(r"[1-9]\d{0,5}")
_CURE = "write it again with pyarrow or pandas"
_LONGEST_CELL = 2**26
"""Bytes of one CSV cell; the library stops at 128 KiB."""
_MAX_NAMED = 8


class Listed(NamedTuple):
    """N studies."""

    cases: Cases
    truncated: NDArray[np.bool_] | None
    """[N] whether the encoder saw only part of the text, where the list says so."""
    remarks: list[str]
    unused_labels: tuple[str, ...] = ()
    """Names that are none of the 14 observations."""


class _Table(NamedTuple):
    """A list of studies as cells."""

    path: Path
    columns: Columns
    rows: list[Row]
    plain: dict[str, int]
    """Name in `_PLAIN` -> place."""

    def cells(self, role: str) -> list[str]:
        """Return the cells of a plain name or else of a role, "" where the list has neither."""
        if role in self.plain:
            return [row.cells[self.plain[role]] for row in self.rows]
        return [self.columns.cell(row, role) for row in self.rows]


def open_cases(folder: Path, sealed: bool = False) -> Listed:
    """Open a folder's list of studies; what is not in it is said and filled in.

    Args:
        folder: holds cases.parquet or cases.csv.
        sealed: whether a manifest vouches for cases.parquet: then it is one of ours and is taken as it stands.

    Raises:
        DataError: there is none, it cannot be read, or it has no texts.
    """
    if (folder / PARQUET).is_file():
        path = folder / PARQUET
        absent = absent_columns(path, _CURE)
        if sealed and not absent:
            return Listed(Cases(path), None, [])
        values = _read(path)
        labels = values.pop("labels") if _holds_lists(values.get("labels", ())) else None
        listed = _listed(_table(path, list(values), _parquet_rows(values)), labels)
        told = [] if "thumbnail" in absent else [f"{path.name}: thumbnails not used: no manifest vouches for them."]
        return listed._replace(remarks=listed.remarks + told)
    csv.field_size_limit(_LONGEST_CELL)
    found = rows(folder / CSV, "embeddings")
    header = next(found, None)
    if header is None:
        raise DataError(f"{folder / CSV}: expected a header, found an empty file")
    return _listed(_table(folder / CSV, header.cells, found), None)


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        return read_table(path)
    except (OSError, ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read ({reason}); {_CURE}") from error


def _holds_lists(values: Sequence[Any]) -> bool:
    return any(isinstance(value, list) for value in values)


def _parquet_rows(values: dict[str, list[Any]]) -> Iterator[Row]:
    for number, cells in enumerate(zip(*values.values(), strict=True)):
        yield Row(number, [_written(cell) for cell in cells])


def _written(value: Any) -> str:
    """Write a value as a CSV file would: nothing for null and NaN, whole numbers without a point."""
    if value is None or value != value:
        return ""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()


def _table(path: Path, header: Sequence[str], found: Iterator[Row]) -> _Table:
    keys = ["_".join(name.lower().split()) for name in header]
    # no picture is opened here: the added column stands in for the one that a manifest must have
    columns = Columns.of([*header, "image"], path)
    table = list(found)
    for row in table:
        if len(row.cells) != len(header):
            raise DataError(f"{path}:{row.line}: expected {len(header)} cells, found {len(row.cells)}; correct the row")
    if not table:
        raise DataError(f"{path}: expected one row per study, found none")
    return _Table(path, columns, table, {name: keys.index(name) for name in _PLAIN if name in keys})


def _listed(table: _Table, labels: Sequence[Sequence[int] | None] | None) -> Listed:
    texts, sections, remarks = _texts(table)
    studies = study_ids(table.cells("study"), table.path.name)
    patients = patient_ids(table.cells("patient"), table.path.name)
    images = _images(table)
    found = column_labels(table.columns, table.rows, table.path) if labels is None else given_labels(labels, table.path)
    cases = Cases.of(
        {
            "study_id": studies.ids,
            "patient_id": patients.ids,
            "text": texts,
            "section": sections,
            "view": [table.columns.view(row) for row in table.rows],
            "source": table.cells("source"),
            "policy": _policies(table),
            "image_hash": [cell or None for cell in given(table.cells("image_hash"))],
            "images": images.counts,
            "labels": found.values.tolist(),
        },
        table.path,
    )
    remarks += [*studies.remarks, *patients.remarks, *images.remarks, *found.remarks, *_unused(table)]
    return Listed(cases, _truncated(table), remarks, found.unused)


class _Texts(NamedTuple):
    texts: list[str]
    sections: list[str]
    remarks: list[str]


def _texts(table: _Table) -> _Texts:
    """Return what was embedded: the column text, else the longer of findings and impression, else the report."""
    places = table.columns.places
    if "text" in table.plain or not places.keys() & {"findings", "impression"}:
        if "text" not in table.plain and "report" not in places:
            found = ", ".join(table.columns.header[:-1])
            raise DataError(f"{table.path}: expected a column text, found columns {found}; rename one")
        texts = table.cells("text" if "text" in table.plain else "report")
        return _Texts(texts, [cell or "report" for cell in table.cells("section")], [])
    longest = [longest_section(*pair) for pair in zip(table.cells("findings"), table.cells("impression"), strict=True)]
    told = "texts: the longer of findings and impression; put what was embedded into a column text if it was other."
    return _Texts([section.text for section in longest], [section.name for section in longest], [told])


def _policies(table: _Table) -> list[str]:
    cells = table.cells("policy")
    for row, cell in zip(table.rows, cells, strict=True):
        if cell and cell not in POLICIES:
            raise DataError(
                f"{table.path}:{row.line}: policy: expected {', '.join(POLICIES)} or nothing, found {cell!r}; "
                "correct the cell"
            )
    return [cell or "private" for cell in cells]


class _Images(NamedTuple):
    counts: list[int]
    remarks: list[str]


def _images(table: _Table) -> _Images:
    """Return how many images are behind each embedding, 1 where nobody says."""
    found = [_COUNT.fullmatch(cell) for cell in whole(table.cells("images"))]
    counts = [int(match.group()) if match else 1 for match in found]
    absent = found.count(None) if "images" in table.plain else 0
    told = f"{table.path.name}: images: no count in {absent:,} of {len(found):,} rows: taken as 1."
    return _Images(counts, [told] if absent else [])


def _truncated(table: _Table) -> NDArray[np.bool_] | None:
    if "truncated" not in table.plain:
        return None
    cells = [cell.lower() for cell in table.cells("truncated")]
    for row, cell in zip(table.rows, cells, strict=True):
        if cell not in _TRUTHS:
            raise DataError(f"{table.path}:{row.line}: truncated: expected true or false, found {cell!r}")
    return np.array([_TRUTHS[cell] for cell in cells])


def _unused(table: _Table) -> list[str]:
    used = {*table.columns.places.values(), *table.columns.labels.values(), *table.plain.values()}
    names = [name for place, name in enumerate(table.columns.header[:-1]) if place not in used]
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return [f"{table.path.name}: columns not used: {', '.join(names[:_MAX_NAMED])}{more}."] if names else []
