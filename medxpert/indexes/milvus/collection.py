"""One collection of Milvus: rows in, nearest rows out, without any word of runs or masks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.indexes.milvus.server import Place, connect, explained
from medxpert.words import Neighbours

if TYPE_CHECKING:
    from pymilvus import MilvusClient

Kind = Literal["flat", "hnsw", "ivf"]
TUNED_AT = 10
"""Neighbours."""
MOST_NEIGHBOURS = 16384
"""How many neighbours Milvus returns at most."""
_TYPES: Mapping[Kind, str] = {"flat": "FLAT", "hnsw": "HNSW", "ivf": "IVF_FLAT"}
_ID, _VECTOR = "id", "vector"
_BATCH_BYTES = 4 << 20
"""Of vectors in one message; servers refuse messages of 64 MB."""
_SHOWN = 8
"""Messages from which progress is shown."""
_QUERIES = 64
"""In one message: a flat search of many rows by many queries would outlast the time given."""
_LEAST_ROWS_PER_SECOND = 500
"""A server that builds more slowly than this is taken for away."""
_MOST_CANDIDATES = 32768
_LINKS, _CARE = 32, 200
"""HNSW: neighbours kept per row, and how many are looked at to find them."""


class Graded(NamedTuple):
    """A kind of index and how thoroughly it looks; a flat one sees all."""

    kind: Kind
    effort: int = 0
    """HNSW: length of the list of candidates; IVF: cells that are visited; for ten neighbours."""
    most: int = 0
    """The greatest effort there is."""
    recall: float = 1.0
    """Of the ten nearest, as measured."""

    def harder(self, times: float) -> Graded:
        """Return the same with so many times the effort, as far as there is."""
        return self._replace(effort=min(math.ceil(self.effort * times), self.most))

    def params(self, wanted: int) -> dict[str, Any]:
        """Return what Milvus calls search parameters; candidates grow with the neighbours, cells with their root."""
        times = max(1.0, wanted / (TUNED_AT + 1))  # a row that is asked about finds itself as well
        params = {
            "flat": {},
            "hnsw": {"ef": max(self.harder(times).effort, wanted)},
            "ivf": {"nprobe": self.harder(times**0.5).effort},
        }[self.kind]
        return {"metric_type": "IP", "params": params}


@dataclass(frozen=True)
class Collection:
    """A named collection of float32 rows [N, D] under their numbers.

    Attributes:
        place: where it lives.
        name: in that database.
        client: connected to the place.
        timeout_seconds: for one answer.
    """

    place: Place
    name: str
    client: MilvusClient
    timeout_seconds: float

    @staticmethod
    def at(place: Place, name: str, timeout_seconds: float) -> Collection:
        """Connect; whether there is such a collection is not asked."""
        return Collection(place, name, connect(place, timeout_seconds), timeout_seconds)

    def create(self, dim: int) -> None:
        """Make it, for rows [N, dim]."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(_ID, DataType.INT64, is_primary=True)
        schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=dim)
        with explained(self.place):
            self.client.create_collection(
                self.name, schema=schema, consistency_level="Strong", timeout=self.timeout_seconds
            )

    def write(self, vectors: NDArray[np.float32], first: int = 0) -> None:
        """Hold vectors [M, D] as the rows from `first` on, whatever stood there."""
        size = max(1, _BATCH_BYTES // vectors[:1].nbytes)
        starts = range(0, len(vectors), size)
        with explained(self.place):
            console, few = Console(stderr=True), len(starts) < _SHOWN
            for start in track(starts, "sending rows to Milvus", console=console, transient=True, disable=few):
                rows = enumerate(vectors[start : start + size], first + start)
                batch = [{_ID: number, _VECTOR: row} for number, row in rows]
                self.client.upsert(self.name, batch, timeout=self._patience(len(batch)))
            self.client.flush(self.name, timeout=self._patience(len(vectors)))

    def index(self, kind: Kind, count: int) -> None:
        """Have its `count` rows indexed and loaded for searching."""
        params = {
            "flat": {},
            "hnsw": {"M": _LINKS, "efConstruction": _CARE},
            "ivf": {"nlist": most_effort("ivf", count)},
        }[kind]
        with explained(self.place):
            asked = self.client.prepare_index_params()
            asked.add_index(_VECTOR, index_type=_TYPES[kind], metric_type="IP", params=params)
            self.client.create_index(self.name, asked, timeout=self._patience(count))
            self.client.load_collection(self.name, timeout=self._patience(count))

    def open(self, count: int) -> bool:
        """Load it for searching; False where there is none of this name."""
        with explained(self.place):
            if not self.client.has_collection(self.name, timeout=self.timeout_seconds):
                return False
            self.client.load_collection(self.name, timeout=self._patience(count))
        return True

    def count(self) -> int:
        """Return how many rows it holds."""
        with explained(self.place):
            found = self.client.query(
                self.name,
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self.timeout_seconds,
            )
        return int(found[0]["count(*)"])

    def rows(self, numbers: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return those of the rows that there are, [D] each."""
        with explained(self.place):
            found = self.client.get(
                self.name,
                list(numbers),
                output_fields=[_VECTOR],
                consistency_level="Strong",
                timeout=self.timeout_seconds,
            )
        return {row[_ID]: np.asarray(row[_VECTOR], np.float32) for row in found}

    def nearest(self, queries: NDArray[np.float32], wanted: int, how: Graded, only: str = "") -> Neighbours:
        """Find the best `wanted` rows for queries [Q, D], among those of which an expression is true."""
        scores = np.full((len(queries), wanted), -np.inf, np.float32)
        rows = np.full((len(queries), wanted), -1, np.int64)
        for start in range(0, len(queries), _QUERIES):
            with explained(self.place):
                answer = self.client.search(
                    self.name,
                    data=list(queries[start : start + _QUERIES]),
                    filter=only,
                    limit=wanted,
                    anns_field=_VECTOR,
                    search_params=how.params(wanted),
                    consistency_level="Strong",
                    timeout=self.timeout_seconds,
                )
            for number, hits in enumerate(answer, start):
                scores[number, : len(hits.ids)] = hits.distances
                rows[number, : len(hits.ids)] = hits.ids
        return Neighbours(scores, rows)

    def drop(self) -> None:
        """Delete it, if there is one."""
        with explained(self.place):
            self.client.drop_collection(self.name, timeout=self.timeout_seconds)

    def _patience(self, num_rows: int) -> float:
        return self.timeout_seconds + num_rows / _LEAST_ROWS_PER_SECOND


def most_effort(kind: Kind, count: int) -> int:
    """Return the greatest effort over `count` rows; for IVF all cells: four per root of N, of 39 rows at least."""
    return {"flat": 0, "hnsw": _MOST_CANDIDATES, "ivf": max(1, min(round(4 * count**0.5), count // 39))}[kind]


def among(rows: NDArray[np.int64]) -> str:
    """Return the expression that is true of rows [M] alone."""
    return f"{_ID} in [{','.join(map(str, rows.tolist()))}]"


def below(count: int) -> str:
    """Return the expression that is true of the first rows."""
    return f"{_ID} < {count}"
