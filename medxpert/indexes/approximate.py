"""What approximate indexes share: tuned to a stated recall when they are built, exact where it cannot be met."""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.indexes.faiss_index import FaissIndex, flat_of, with_selector
from medxpert.indexes.tuning import Questions, Recall, Truth, least_effort, questions, questions_like
from medxpert.words import Neighbours

FEW = 2000
"""Fewer vectors are scanned: it takes a fifth of a millisecond."""
DEPTHS = (10, 100)
"""Neighbours at which the recall is tuned; between and beyond them the effort grows with top_k."""
_MOSTLY = 0.9
"""Share of the vectors below which those that a mask allows are all compared."""
_GROWN = 1.5
"""Times the vectors that were tuned on, from which it says so."""


class ApproximateIndex(FaissIndex):
    """Compares a query with a part of the N vectors, chosen so that the recall of the exact scan is nearly kept.

    Args:
        recall: share of the true nearest neighbours to be found, in (0, 1], at 10 and at 100, by each kind of
            questions; one half of them choose the effort, the other half measure what is told as its recall.
        seed: of everything drawn.

    Raises:
        ConfigError: recall or seed is out of range.
        MissingExtraError: faiss is not installed.
    """

    effort = ""
    """What is raised for a higher recall, in the plural."""

    def __init__(self, recall: float = 0.99, seed: int = 0) -> None:
        super().__init__()
        if not 0 < recall <= 1:
            raise ConfigError(f"index.recall={recall} lies outside (0, 1]; change index.recall")
        if seed < 0:
            raise ConfigError(f"index.seed={seed}: expected at least 0")
        self._recall, self._seed = recall, seed
        self._questions: Questions | None = None

    def expect(
        self, queries: NDArray[np.float32], own: NDArray[np.int64], kinds: NDArray[np.int64] | None = None
    ) -> None:
        """Take what stands for the queries to come, before `build`.

        Args:
            queries: [Q, D], in random order.
            own: [Q], the row that each belongs to, which does not count as found; -1 for none.
            kinds: [Q], the number of its kind; every kind reaches the recall.
        """
        self._questions = questions(queries, own, kinds)

    def _built(self, rows: NDArray[np.float32]) -> Any:
        if len(rows) < FEW:
            self._tuned = {"kind": "IndexFlatIP", "exact": f"all are compared, as there are fewer than {FEW}"}
            return flat_of(rows)
        self._tuned = {}
        self._hold(self._made(rows))
        self._tuned |= {"kind": type(self._index).__name__, "vectors": len(rows)}
        self._tune(rows)
        return self._index

    def _tune(self, rows: NDArray[np.float32]) -> bool:
        """Choose the effort at every depth; tell whether the recall at the first is surely reached."""
        asked = self._questions.told if self._questions else "indexed vectors, moved"
        halves = (self._questions or questions_like(rows, self._seed)).halves()
        self._tuned |= {"recall_target": self._recall, "queries": len(halves[1].queries), "asked": asked}
        reached = []
        truths = [Truth(rows, half, max(DEPTHS)) for half in halves]
        for depth in DEPTHS:
            choosing, checking = (partial(self._reached, truth, depth) for truth in truths)
            effort, recall, enough = least_effort(choosing, checking, self._most(), self._recall)
            reached.append(enough)
            self._tuned |= {f"{self.effort}@{depth}": effort, f"recall@{depth}": recall}
            if effort == self._most():
                self._tuned |= {f"scanned@{depth}": "all are compared: nothing less reaches the recall"}
        return reached[0]

    def _reached(self, truth: Truth, depth: int, effort: int) -> Recall:
        return truth.recall(self._by_effort(truth.questions.queries, depth + 1, effort, None), depth)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Hold vectors [M, D] too, behind those already there; what was tuned stays as it was.

        Raises:
            DataError: they do not fit the index, or one is not finite.
        """
        super().add(vectors)
        tuned_on = int(self._tuned.get("vectors", FEW))
        if self._index.ntotal > _GROWN * tuned_on:
            self._tuned["grown"] = f"tuned for {tuned_on} vectors, it holds {self._index.ntotal}"

    def search_all(
        self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """Find as `search` does, at the effort at which all vectors are compared, whatever it was tuned to.

        Raises:
            ConfigError: top_k is below 1.
            DataError: queries or allowed do not fit the index, or a query is not finite.
        """
        rows = self._checked(queries, top_k, allowed)
        if self._exact:
            return super()._found(rows, top_k, allowed)
        return self._by_effort(rows, top_k, self._most(), allowed)

    @property
    def _exact(self) -> bool:
        return "exact" in self._tuned

    def _found(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None) -> Neighbours:
        if self._exact:
            return super()._found(queries, top_k, allowed)
        share = 1.0 if allowed is None else float(np.count_nonzero(allowed)) / len(allowed)
        # what a filter leaves may lie anywhere, not where the nearest of all vectors are
        effort = self._most() if share < _MOSTLY else math.ceil(min(self._effort(top_k) / share, self._most()))
        found = self._by_effort(queries, top_k, effort, allowed)
        wanted = min(top_k, round(share * self._index.ntotal))
        short = np.count_nonzero(found.rows >= 0, axis=1) < wanted
        if effort < self._most() and short.any():
            scores, rows = self._by_effort(queries[short], top_k, self._most(), allowed)
            found.scores[short], found.rows[short] = scores, rows
        return found

    def _effort(self, top_k: int) -> float:
        few, many = (
            math.inf if f"scanned@{depth}" in self._tuned else float(self._tuned[f"{self.effort}@{depth}"])
            for depth in DEPTHS
        )
        many = max(few, many)
        if top_k <= DEPTHS[0] or math.isinf(many):
            return few if top_k <= DEPTHS[0] else many
        if top_k > DEPTHS[1]:
            return many * top_k / DEPTHS[1]
        return float(np.interp(top_k, DEPTHS, (few, many)))

    def _by_effort(
        self, queries: NDArray[np.float32], top_k: int, effort: int, allowed: NDArray[np.bool_] | None
    ) -> Neighbours:
        return self._asked(queries, top_k, allowed, self._parameters(effort, allowed), effort)

    @abstractmethod
    def _made(self, rows: NDArray[np.float32]) -> Any:
        """Return faiss's index of rows [N, D], N at least `FEW`; may add to what is told as tuned."""

    @abstractmethod
    def _most(self) -> int:
        """Return the effort at which all vectors are compared."""

    @abstractmethod
    def _parameters(self, effort: int, allowed: NDArray[np.bool_] | None) -> Any:
        """Return faiss's search parameters."""


class CellIndex(ApproximateIndex):
    """Vectors by cell: the cells whose centres are nearest to the query are compared, all of them at most."""

    effort = "probes"

    def __init__(self, recall: float = 0.99, num_cells: int | None = None, seed: int = 0) -> None:
        super().__init__(recall, seed)
        if num_cells is not None and num_cells < 1:
            raise ConfigError(f"index.num_cells={num_cells}: expected at least 1, or null to choose by the vectors")
        self._num_cells = num_cells

    def _trained(self, index: Any, rows: NDArray[np.float32]) -> Any:
        index.cp.seed, index.cp.niter, index.cp.spherical = self._seed + 1, 10, True
        index.cp.max_points_per_centroid = 64
        index.train(rows)
        index.add(rows)
        self._tuned |= {"cells": index.nlist}
        return index

    def _cells(self, count: int) -> int:
        """Return four cells per root of N, of 39 vectors at least, from which faiss calls a centre well placed."""
        return max(1, min(self._num_cells or round(4 * count**0.5), count // 39))

    def _most(self) -> int:
        most: int = self._index.nlist
        return most

    def _parameters(self, effort: int, allowed: NDArray[np.bool_] | None) -> Any:
        return with_selector(allowed, "SearchParametersIVF", nprobe=effort)
