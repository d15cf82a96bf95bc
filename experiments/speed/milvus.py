"""What Milvus costs beside faiss's flat scan: build, open, one query, 64 queries, masks.

python experiments/speed/milvus.py [ROWS] [URI]: JSON on stdout; without a URI a file for milvus-lite, which is removed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.milvus import search
from medxpert.indexes.milvus.index import MilvusIndex

WIDTH, NUM_REPEATS, TOP_K = 128, 7, 10


def main(num_rows: int, uri: str) -> dict[str, object]:
    """Build both, compare what they find, and time them."""
    rng = np.random.default_rng(0)
    rows = _unit(rng, num_rows)
    flat, index = FlatIndex(), MilvusIndex(uri)
    flat.build(rows)
    began = perf_counter()
    index.build(rows)
    figures: dict[str, object] = {"rows": num_rows, "width": WIDTH, "build_s": round(perf_counter() - began, 2)}
    try:
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder) / "both.index")
            figures["load_ms"] = _milliseconds(lambda: MilvusIndex().load(Path(folder) / "both.index"))["wall"]
        for name, num_queries, share, widest in (
            ("one query", 1, 1.0, search._WIDEST),
            ("64 queries", 64, 1.0, search._WIDEST),
            ("mask of 1/2, more asked for", 1, 0.5, search._WIDEST),
            ("mask of 1/2, rows named", 1, 0.5, 0),
            ("mask of 1/20, more asked for", 1, 0.05, search._WIDEST),
            ("mask of 1/20, rows named", 1, 0.05, 0),
        ):
            search._WIDEST = widest
            figures[name] = _both(rng, index, flat, num_rows, num_queries, share)
    finally:
        index.drop()
    return figures


def _both(
    rng: np.random.Generator, index: MilvusIndex, flat: FlatIndex, num_rows: int, num_queries: int, share: float
) -> dict[str, object]:
    """Time both on queries and masks that change between repeats, after their results were compared."""

    def cases() -> list[tuple[np.ndarray, np.ndarray | None]]:
        masks = [None if share == 1 else rng.random(num_rows) < share for _ in range(NUM_REPEATS)]
        return [(_unit(rng, num_queries), mask) for mask in masks]

    asked = cases()
    for queries, mask in asked:
        ours, exact = index.search(queries, TOP_K, mask), flat.search(queries, TOP_K, mask)
        if not np.allclose(ours.scores, exact.scores, atol=1e-5):
            raise SystemExit("Milvus and faiss disagree")
    again = [iter(asked := cases()), iter(asked)]
    return {
        "milvus_ms": _milliseconds(lambda: index.search(*_with_k(next(again[0])))),
        "flat_ms": _milliseconds(lambda: flat.search(*_with_k(next(again[1])))),
    }


def _with_k(asked: tuple[np.ndarray, np.ndarray | None]) -> tuple[np.ndarray, int, np.ndarray | None]:
    return asked[0], TOP_K, asked[1]


def _milliseconds(work: Callable[[], object]) -> dict[str, float]:
    """Return the medians of wall and processor time, in ms."""
    walls, cpus = [], []
    for _ in range(NUM_REPEATS):
        wall, cpu = perf_counter(), process_time()
        work()
        walls.append(perf_counter() - wall)
        cpus.append(process_time() - cpu)
    return {"wall": round(1e3 * median(walls), 2), "processor": round(1e3 * median(cpus), 2)}


def _unit(rng: np.random.Generator, count: int) -> np.ndarray:
    rows = rng.standard_normal((count, WIDTH), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        size = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
        where = sys.argv[2] if len(sys.argv) > 2 else f"{place}/cases.db"
        sys.stdout.write(json.dumps(main(size, where), indent=2) + "\n")
