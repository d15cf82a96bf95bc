"""Search along a graph of neighbours (Malkov and Yashunin, 2016): fastest for few queries, slow to build."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.indexes import faiss_index
from medxpert.indexes.approximate import ApproximateIndex
from medxpert.indexes.faiss_index import ask, with_selector
from medxpert.words import Neighbours

_SCAN = 16
"""A scan is as fast as a walk that keeps one of so many vectors as candidates."""
_MOST, _LEAST = 4096, 128


class HNSWIndex(ApproximateIndex):
    """Whole vectors in a graph; the candidates kept while it is walked are tuned to a recall.

    Args:
        recall: share of the true nearest neighbours to be found, in (0, 1]; all vectors are compared where the graph
            does not lead to them.
        links: neighbours of a vector in the graph, 2 to 512; twice as many on its ground floor.
        candidates: kept while a vector's neighbours are looked for, at least `links`.
        threads: that build; more than one build faster, and another graph each time.
        seed: of the graph's floors and of the queries that tune.

    Raises:
        ConfigError: an argument is out of range.
        MissingExtraError: faiss is not installed.
    """

    kinds = ("IndexHNSWFlat", "IndexFlatIP")
    choice = "hnsw"
    effort = "candidates"

    def __init__(
        self, recall: float = 0.99, links: int = 32, candidates: int = 64, threads: int = 1, seed: int = 0
    ) -> None:
        super().__init__(recall, seed)
        if not 2 <= links <= 512:
            raise ConfigError(f"index.links={links} lies outside 2..512")
        if candidates < links:
            raise ConfigError(f"index.candidates={candidates}: expected at least index.links={links}")
        if threads < 1:
            raise ConfigError(f"index.threads={threads}: expected at least 1")
        self._links, self._candidates, self._threads = links, candidates, threads

    def _made(self, rows: NDArray[np.float32]) -> Any:
        faiss = faiss_index.faiss
        index = faiss.IndexHNSWFlat(rows.shape[1], self._links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self._candidates
        index.hnsw.rng = faiss.RandomGenerator(self._seed + 1)
        usual = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(self._threads)
        try:
            index.add(rows)
        finally:
            faiss.omp_set_num_threads(usual)
        return index

    def _most(self) -> int:
        return max(_LEAST, min(_MOST, self._index.ntotal // _SCAN))

    def _by_effort(
        self, queries: NDArray[np.float32], top_k: int, effort: int, allowed: NDArray[np.bool_] | None
    ) -> Neighbours:
        if effort >= self._most():
            return ask(self._index.storage, queries, top_k, with_selector(allowed))
        return super()._by_effort(queries, top_k, effort, allowed)

    def _parameters(self, effort: int, allowed: NDArray[np.bool_] | None) -> Any:
        return with_selector(allowed, "SearchParametersHNSW", efSearch=effort)
