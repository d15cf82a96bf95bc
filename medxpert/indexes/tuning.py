"""How much effort an approximate index must make: recall against the exact scan, by queries that did not choose it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.indexes import faiss_index
from medxpert.words import Neighbours

NUM_QUESTIONS = 2000
"""Half of them choose the effort, the other half measure what it reaches."""
_TIE = 1e-6
"""Scores closer than this are equal: rows of the same text are as good as each other."""
_NOISE = 0.5
"""Length of what is added to a row where nobody says what is going to be asked."""
_SURE = 1.645
"""Standard errors below a mean, under which its truth lies once in twenty times."""
_FINE = 8
"""An effort may be an eighth greater than the least one: to find that takes as many trials again."""


class Questions(NamedTuple):
    """What stands for the Q queries to come, in random order."""

    queries: NDArray[np.float32]
    """[Q, D]."""
    own: NDArray[np.int64]
    """[Q], the row that each belongs to, which does not count as found; -1 for none."""
    kinds: NDArray[np.int64]
    """[Q], the number of its kind: recall is that of the worst kind."""

    def halves(self) -> tuple[Questions, Questions]:
        """Return those that choose the effort, and those that measure it."""
        middle = len(self.queries) // 2
        return self.some(0, middle), self.some(middle, None)

    def some(self, start: int, end: int | None) -> Questions:
        """Return those from `start` on, up to `end`."""
        return Questions(self.queries[start:end], self.own[start:end], self.kinds[start:end])

    @property
    def told(self) -> str:
        """What they are: rows of a graph are found more easily than what is new to it."""
        new = (self.own < 0).all()
        return "studies that are not indexed" if new else "indexed studies, each without itself"


def questions(
    queries: NDArray[np.float32], own: NDArray[np.int64], kinds: NDArray[np.int64] | None = None
) -> Questions:
    """Return questions [Q, D]; they are of one kind if nothing else is said."""
    one = np.zeros(len(own), np.int64)
    return Questions(np.ascontiguousarray(queries, dtype=np.float32), own, one if kinds is None else kinds)


class Recall(NamedTuple):
    """Share of the true neighbours that were found, of the kind of questions for which it is worst."""

    mean: float
    surely: float
    """Lower end of its one-sided 95 % interval."""


class Effort(NamedTuple):
    """How many cells are probed or candidates kept."""

    effort: int
    recall: float
    """What it reaches on questions that did not choose it."""
    enough: bool
    """Whether it surely reaches the target, as those say that did."""


def questions_like(vectors: NDArray[np.float32], seed: int) -> Questions:
    """Draw rows and move each by half its length, so that a query is near its row and not on it."""
    rng = np.random.default_rng(seed)
    own = rng.choice(len(vectors), min(NUM_QUESTIONS, len(vectors)), replace=False)
    noise = rng.standard_normal((len(own), vectors.shape[1]), dtype=np.float32)
    moved = vectors[own] + noise * (_NOISE / np.linalg.norm(noise, axis=1, keepdims=True))
    return questions(moved, own)


class Truth:
    """The exact answers to some questions.

    Args:
        vectors: all that is indexed, [N, D].
        questions: Q of them.
        most: how many neighbours are known; one more is looked for, as the own row falls out.
    """

    def __init__(self, vectors: NDArray[np.float32], questions: Questions, most: int) -> None:
        faiss = faiss_index.faiss
        exact = Neighbours(*faiss.knn(questions.queries, vectors, most + 1, metric=faiss.METRIC_INNER_PRODUCT))
        self.questions, self._vectors = questions, vectors
        self._scores = _without(exact, questions.own, most).scores

    def recall(self, found: Neighbours, top_k: int) -> Recall:
        """Return what share of the top_k was found, of `top_k + 1` neighbours per question.

        A row counts whose exact score reaches that of the last true neighbour, whatever its own score says.
        """
        rows = _without(found, self.questions.own, top_k).rows
        scores = np.einsum("qkd,qd->qk", self._vectors[np.maximum(rows, 0)], self.questions.queries)
        shares = ((scores >= self._scores[:, top_k - 1 : top_k] - _TIE) & (rows >= 0)).mean(axis=1)
        kinds = self.questions.kinds
        return Recall(*np.min([_recall(shares[kinds == kind]) for kind in np.unique(kinds)], axis=0).tolist())


def _recall(shares: NDArray[np.float64]) -> Recall:
    mean = float(shares.mean())
    return Recall(mean, mean - _SURE * float(shares.std()) / len(shares) ** 0.5)


def least_effort(
    choosing: Callable[[int], Recall], checking: Callable[[int], Recall], most: int, target: float
) -> Effort:
    """Find about the least effort whose recall surely reaches the target.

    Args:
        choosing: effort -> recall on the questions that choose.
        checking: the same on the others; called once, when all is chosen.
        most: the greatest effort.
        target: recall in (0, 1].

    Returns:
        About the least effort that does as well as `most` where even that misses the target.
    """
    low, high, wanted = 0, 1, target
    while high < most and choosing(high).surely < wanted:
        low, high = high, min(2 * high, most)
    if high == most:
        low, wanted = 0, min(target, choosing(most).surely)
    while high - low > max(1, low // _FINE):
        middle = (low + high) // 2
        low, high = (low, middle) if choosing(middle).surely >= wanted else (middle, high)
    return Effort(high, checking(high).mean, wanted == target)


def _without(found: Neighbours, own: NDArray[np.int64], top_k: int) -> Neighbours:
    """Take the best top_k besides the own row of each query."""
    places = np.argsort(found.rows == own[:, None], axis=1, kind="stable")[:, :top_k]
    return Neighbours(np.take_along_axis(found.scores, places, 1), np.take_along_axis(found.rows, places, 1))
