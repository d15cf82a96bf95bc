"""A gallery in several folders as one table and one array: what a run was trained on, then what was added to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import SCHEMA, Cases, Told
from medxpert.folders import MANIFEST, read_json

ADDED = "added"
"""Folder of a run that holds a folder for each addition: 1, 2, ..."""
CASES = "cases.parquet"
"""Of a folder of embeddings: the table of its studies, row by row."""


def additions(run: Path) -> list[str]:
    """Return the names of the sealed additions in a run's folder, in their order, indexed or not."""
    names = [path.parent.name for path in (run / ADDED).glob(f"*/{MANIFEST}")]
    return sorted((name for name in names if name.isdigit()), key=int)


class JoinedCases(Cases):
    """The rows of several cases tables, one table behind the other."""

    def __init__(self, tables: Sequence[Cases]) -> None:
        self.path = tables[0].path
        self._tables = tables
        self._starts = np.cumsum([0, *(len(table) for table in tables)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def column(self, name: str) -> list[Any]:
        """Return one column as Python values, N long."""
        return [value for table in self._tables for value in table.column(name)]

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """Observations [N, 14] in {1, 0, -1, MISSING}."""
        return np.concatenate([table.labels for table in self._tables])

    def relabelled(self, labels: NDArray[np.int8]) -> Cases:
        """Return the same studies with other labels [N, 14]."""
        return self._in_memory(range(len(self))).relabelled(labels)

    def take(self, rows: NDArray[np.integer]) -> Cases:
        """Hold some studies in memory, by row numbers."""
        return self._in_memory(rows.tolist())

    def _in_memory(self, rows: Iterable[int]) -> Cases:
        chosen = list(rows)
        columns = ((name, self.column(name)) for name in SCHEMA.names)
        return Cases.of({name: [values[row] for row in chosen] for name, values in columns}, self.path)

    def told(self, rows: Sequence[int]) -> list[Told]:
        """Return what is said of some studies."""
        found = dict[int, Told]()
        for table, members in groupby(sorted(set(rows)), self._table_of):
            start, own = int(self._starts[table]), list(members)
            found |= zip(own, self._tables[table].told([row - start for row in own]), strict=True)
        return [found[row] for row in rows]

    def thumbnails(self, rows: Iterable[int]) -> Iterator[bytes]:
        """Yield some studies' thumbnails."""
        for table, members in groupby(rows, self._table_of):
            start = int(self._starts[table])
            yield from self._tables[table].thumbnails(row - start for row in members)

    def _table_of(self, row: int) -> int:
        return int(np.searchsorted(self._starts, row, side="right")) - 1


@dataclass(frozen=True)
class Stacked:
    """Rows [N, D] of several arrays, one behind the other, read where they lie."""

    arrays: tuple[NDArray[np.floating], ...]

    def __len__(self) -> int:
        return sum(map(len, self.arrays))

    def __getitem__(self, rows: NDArray[np.integer] | slice) -> NDArray[np.floating]:
        """Return rows [M, D] by their numbers [M] or a slice."""
        wanted = np.arange(len(self))[rows]
        found = np.empty((len(wanted), self.arrays[0].shape[1]), self.arrays[0].dtype)
        start = 0
        for array in self.arrays:
            here = (wanted >= start) & (wanted < start + len(array))
            found[here] = array[wanted[here] - start]
            start += len(array)
        return found


class JoinedRows:
    """What one encoder makes of the images and of the texts of N studies, `Stacked` [N, D] each."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.image, self.text = (
            Stacked(tuple(np.load(folder / f"{side}.npy", mmap_mode="r") for folder in folders))
            for side in ("image", "text")
        )


def cases_digests(folders: Sequence[Path]) -> list[str]:
    """Return the sha256 of each folder's cases table, as its manifest has it: which cases the rows of an index are."""
    return [read_json(folder / MANIFEST)["files"][CASES]["sha256"] for folder in folders]


def join_cases(folders: Sequence[Path]) -> Cases:
    """Open the cases tables of some folders of embeddings as one."""
    tables = [Cases(folder / CASES) for folder in folders]
    return tables[0] if len(tables) == 1 else JoinedCases(tables)
