"""Which index for how many studies? Prints a table.

$ python experiments/speed/search_table.py                # about 15 minutes the first time, then 3
$ python experiments/speed/search_table.py hnsw=all       # the graph over 377,110 vectors too: half an hour more
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from gallery import Vectors, built, large, studies
from indexed import TOP_K, indexed, recall
from numpy.typing import NDArray

from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.hnsw import HNSWIndex
from medxpert.indexes.ivf import IVFIndex
from medxpert.indexes.scalar import ScalarIndex
from medxpert.words import Index

_BATCH = 256
_REPEATS = 3
_MAKES: dict[str, Callable[[], Index]] = {
    "flat": FlatIndex,
    "ivf": IVFIndex,
    "scalar": ScalarIndex,
    "hnsw": HNSWIndex,
}


def main() -> None:
    """Print the table."""
    every = "hnsw=all" in sys.argv[1:]
    head = (
        "vectors",
        "index",
        "one query, ms",
        "queries/s at 256",
        "recall@10",
        "file, MB",
        "build, s",
        "share of flat",
    )
    _line(head)
    _line(["---", "---", *["---:"] * 6])
    for name, data, chosen in (
        ("30,000 x 128", studies(128), tuple(_MAKES)),
        ("30,000 x 512", studies(), tuple(_MAKES)),
        ("377,110 x 512", large(), tuple(_MAKES) if every else ("flat", "ivf", "scalar")),
    ):
        for row in table(name, data, chosen):
            _line(row)


def table(name: str, data: Vectors, chosen: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield a row of text per index."""
    flat = FlatIndex()
    flat.build(data.vectors)
    alone = 0.0
    for kind in chosen:
        count, width = data.vectors.shape
        found = indexed(_MAKES[kind], data, built().with_name(f"{built().name}-indexes") / f"{kind}-{count}-{width}")
        one, many = one_query(found.index, data.queries), batch(found.index, data.queries)
        alone = alone or one
        share = recall(found.index, flat, data.queries)
        cells = (
            f"{one * 1e3:.2f} | {_BATCH / many:,.0f} | {share:.4f} | {found.megabytes:,.0f} | {found.build_seconds:.0f}"
        )
        yield [name, kind, *cells.split(" | "), f"{one / alone:.3f}"]


def one_query(index: Index, queries: NDArray[np.float32]) -> float:
    """Return the median seconds of one query."""
    return _median([lambda query=query: index.search(query[None], TOP_K) for query in queries[:100]])


def batch(index: Index, queries: NDArray[np.float32]) -> float:
    """Return the median seconds of 256 queries at once, once an exact index has made the bounds of its scan."""
    for _ in range(3):
        index.search(queries[:_BATCH], TOP_K)
    return _median([lambda: index.search(queries[-_BATCH:], TOP_K)] * _REPEATS)


def _median(works: list[Callable[[], Any]]) -> float:
    taken = []
    for work in works:
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def _line(cells: Any) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
