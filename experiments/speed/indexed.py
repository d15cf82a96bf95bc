"""Indexes of the search rows: built once, kept beside their vectors, opened as a gallery opens them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gallery import Vectors
from numpy.typing import NDArray

from medxpert.folders import atomic_folder
from medxpert.words import Index

TOP_K = 10


class Indexed(NamedTuple):
    """An index as it is found on disk."""

    index: Index
    build_seconds: float
    """With tuning, when it was built."""
    megabytes: float
    """Of its file."""
    path: Path


def indexed(make: Callable[[], Index], data: Vectors, folder: Path) -> Indexed:
    """Open the index in a folder, building it first where there is none."""
    if not folder.is_dir():
        with atomic_folder(folder) as sibling:
            index = make()
            if hasattr(index, "expect"):
                index.expect(data.tuning, np.full(len(data.tuning), -1))
            began = time.perf_counter()
            index.build(data.vectors)
            seconds = time.perf_counter() - began
            index.save(sibling / "index")
            (sibling / "build.json").write_text(json.dumps({"seconds": seconds}))
    index = make()
    index.load(folder / "index")
    told = json.loads((folder / "build.json").read_text())
    file = folder / "index"
    return Indexed(index, told["seconds"], file.stat().st_size / 2**20, file)


def recall(index: Index, exact: Index, queries: NDArray[np.float32]) -> float:
    """Return the share of the 10 nearest of each query that the index finds, one by one; ties count as found."""
    reached = []
    for query, true in zip(queries, exact.search(queries, TOP_K).scores, strict=True):
        found = index.search(query[None], TOP_K).rows[0]
        reached.append((_scores(exact, query, found) >= true[-1] - 1e-6).mean())
    return float(np.mean(reached))


def _scores(exact: Index, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    vectors = exact._vectors()  # type: ignore[attr-defined]
    scores: NDArray[np.float32] = np.where(rows >= 0, vectors[np.maximum(rows, 0)] @ query, -np.inf)
    return scores
