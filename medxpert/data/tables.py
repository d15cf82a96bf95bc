"""Delimited text files as rows of cells."""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from medxpert.errors import ConfigError, DataError

_DELIMITERS = ",\t;"


class Row(NamedTuple):
    """One row and the line of the file that it starts on, from 1."""

    line: int
    cells: list[str]


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
