"""Delimited text files as rows of cells."""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from medxpert.cleaning import clean
from medxpert.errors import ConfigError, DataError
from medxpert.text import is_blank
from medxpert.words import Rejected

_DELIMITERS = ",\t;"
csv.field_size_limit(2**31 - 1)  # a report is no longer than memory


class RowError(ValueError):
    """A row cannot be used.

    Attributes:
        reason: a short phrase, one of few.
        detail: what was expected and found.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason, self.detail = reason, detail


class Row(NamedTuple):
    """One row and the line of the file that it starts on, from 1."""

    line: int
    cells: list[str]


class Record(NamedTuple):
    """One row by the names of its columns, and the line of the file that it starts on."""

    line: int
    cells: Mapping[str, str]


def said(text: str) -> str:
    """Return a text as a model may see it (`cleaning.clean`), "" where it says nothing."""
    cleaned = "" if is_blank(text) else clean(text)
    return "" if is_blank(cleaned) else cleaned


def records(path: Path, setting: str, needed: Sequence[str] = ()) -> Iterator[Record | Rejected]:
    """Yield the rows of a table under the names of its header; one with too few or too many cells is rejected.

    Args:
        path: as `rows` reads it.
        setting: the flag that names the file.
        needed: columns that must be there.

    Raises:
        ConfigError: there is no such file.
        DataError: the file cannot be read, is empty, or lacks a needed column.
    """
    table = rows(path, setting)
    header = next(table, Row(1, [])).cells
    absent = [name for name in needed if name not in header]
    if absent or not header:
        expected, found = ", ".join(absent or needed) or "a header", ", ".join(header) or "an empty file"
        raise DataError(f"{path}: expected a column {expected}, found {found}; is {setting} the right file?")
    return _records(path, header, table)


def _records(path: Path, header: Sequence[str], table: Iterator[Row]) -> Iterator[Record | Rejected]:
    for row in table:
        if len(row.cells) == len(header):
            yield Record(row.line, dict(zip(header, row.cells, strict=True)))
        else:
            expected = f"expected {len(header)} cells, found {len(row.cells)}"
            yield Rejected(f"{path.name}:{row.line}", "wrong number of columns", expected)


def rows(path: Path, setting: str) -> Iterator[Row]:
    """Yield the rows of a UTF-8 file, plain or .gz, the header first; blank rows are left out.

    The delimiter (comma, tab or semicolon) is the commonest of the three in the header. Quoted cells may hold
    line ends.

    Raises:
        ConfigError: there is no such file; `setting` is the flag that names it.
        DataError: the file cannot be read as such a table.
    """
    if not path.is_file():
        raise ConfigError(f"{setting}={path}: no such file; change {setting}")
    start = 1
    try:
        with _opened(path) as lines:
            header = lines.readline()
            delimiter = max(_DELIMITERS, key=header.count)
            # strict: a quote that is never closed would swallow the rest of the file in silence
            reader = csv.reader(itertools.chain([header], lines), delimiter=delimiter, strict=True)
            for cells in reader:
                if any(cells):
                    yield Row(start, [cell.strip() for cell in cells])
                start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{start}: broken quotes: {error}; correct the quotes of this row") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected UTF-8, found {error.reason}; save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
