"""Identifiers of somebody else's studies and patients: written the same whatever program wrote them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from medxpert.cases import is_row_id, row_id

_ABSENT = {"", "na", "n/a", "<na>", "nan", "none", "null"}
"""How programs write that there is nothing."""
_WHOLE = re.compile(r"(\d+)(\.0+)?")


class Ids(NamedTuple):
    """Identifiers of N rows, those that nobody gave made up of the row's number."""

    ids: list[str]
    remarks: list[str]


def given(cells: Sequence[str]) -> list[str]:
    """Return cells with "" for every way to write that there is nothing."""
    return ["" if cell.casefold() in _ABSENT else cell for cell in cells]


def whole(cells: Sequence[str]) -> list[str]:
    """Return cells without ".0" where all that are given are whole numbers, as a column of floats holds them."""
    found = [_WHOLE.fullmatch(cell) for cell in cells]
    if any(cell and match is None for cell, match in zip(cells, found, strict=True)):
        return list(cells)
    return [match.group(1) if match else "" for match in found]


def study_ids(cells: Sequence[str], name: str) -> Ids:
    """Read the studies' identifiers from a column of the file with this name."""
    found = _ids(cells, name, "study", "row numbers stand for them")
    count = len(found.ids) - len(set(found.ids))
    repeated = [f"study ids: {count:,} rows repeat one; each row counts as a study of its own."] if count else []
    return Ids(found.ids, found.remarks + repeated)


def patient_ids(cells: Sequence[str], name: str) -> Ids:
    """Read the patients' identifiers from a column of the file with this name."""
    return _ids(cells, name, "patient", "intervals draw rows instead, and may be too narrow")


def _ids(cells: Sequence[str], name: str, word: str, instead: str) -> Ids:
    ids = [cell or row_id(row) for row, cell in enumerate(whole(given(cells)))]
    absent = sum(map(is_row_id, ids))
    told = [f"{name}: no {word} id for {absent:,} of {len(ids):,} rows: {instead}."] if absent else []
    return Ids(ids, told)
