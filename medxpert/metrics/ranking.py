"""Recall@K and its kin from exact ranks. A tie gets its expected value under a uniform order of the tied items.

With g items strictly better than the best relevant one and t items of exactly its score, r of them relevant, the
first K places hold at least one relevant item with probability 1 - C(t - r, j) / C(t, j), j = clip(K - g, 0, t); for
r = 1 that is clip((K - g) / t, 0, 1). A constant embedding (g = 0, t = G, r = m) scores exactly chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

CUTOFFS = (1, 5, 10, 50, 100)
RSUM_CUTOFFS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where the best-scored relevant item of each of Q queries stands; int64 arrays [Q].

    Attributes:
        better: gallery items with a strictly better score.
        tied: gallery items with exactly its score, itself included.
        relevant_tied: relevant items among the tied ones, at least 1.
        relevant: relevant items in the whole gallery.
        pool: gallery items.
    """

    better: NDArray[np.int64]
    tied: NDArray[np.int64]
    relevant_tied: NDArray[np.int64]
    relevant: NDArray[np.int64]
    pool: int

    def take(self, queries: NDArray[np.integer | np.bool_]) -> Ranks:
        """Return the ranks of some queries, by row numbers or by a mask [Q]."""
        return Ranks(
            self.better[queries],
            self.tied[queries],
            self.relevant_tied[queries],
            self.relevant[queries],
            self.pool,
        )

    def at_chance(self) -> Ranks:
        """Return the ranks of a constant embedding, which ties the whole gallery."""
        return replace(
            self,
            better=np.zeros_like(self.better),
            tied=np.full_like(self.tied, self.pool),
            relevant_tied=self.relevant,
        )


def hits(ranks: Ranks, cutoffs: Sequence[int] = CUTOFFS) -> NDArray[np.float64]:
    """Return the expected hit at each of K' cutoffs, [Q, K'] in [0, 1]; their mean over queries is Recall@K."""
    others = ranks.tied - ranks.relevant_tied
    missed = np.ones(len(others))
    result = np.zeros((len(others), len(cutoffs)))
    for place in range(max(cutoffs, default=0)):
        # Drawn without replacement from the tie: the next one is irrelevant too with probability others / left.
        drawn = np.maximum(place - ranks.better, 0)
        again = np.maximum(others - drawn, 0) / np.maximum(ranks.tied - drawn, 1)
        missed *= np.where(place < ranks.better, 1.0, again)
        for column, cutoff in enumerate(cutoffs):
            if cutoff == place + 1:
                result[:, column] = 1 - missed
    return result


def positions(ranks: Ranks) -> NDArray[np.float64]:
    """Return the expected place [Q] of the first relevant item, counted from 1: g + 1 + (t - r) / (r + 1)."""
    return ranks.better + 1 + (ranks.tied - ranks.relevant_tied) / (ranks.relevant_tied + 1)


def reciprocals(ranks: Ranks) -> NDArray[np.float64]:
    """Return the expectation [Q] of 1 / place of the first relevant item, exact over ties."""
    result = 1 / (ranks.better + 1.0)
    mixed = ranks.tied > ranks.relevant_tied
    cases = np.stack([ranks.better, ranks.tied, ranks.relevant_tied], axis=1)[mixed]
    unique, which = np.unique(cases, axis=0, return_inverse=True)
    expected = np.array([_expected_reciprocal(*case) for case in unique.tolist()])
    if len(expected):
        result[mixed] = expected[which]
    return result


def _expected_reciprocal(better: int, tied: int, relevant: int) -> float:
    drawn = np.arange(tied - relevant + 1)
    missed = np.cumprod(np.r_[1.0, (tied - relevant - drawn[:-1]) / (tied - drawn[:-1])])
    return float(np.sum(missed * relevant / (tied - drawn) / (better + 1 + drawn)))


def fractions(ranks: Ranks, cutoffs: Sequence[int] = CUTOFFS) -> dict[str, NDArray[np.float64]]:
    """Return the metrics within [0, 1] per query [Q]: recall@K for each K within the pool, and mrr."""
    within = [cutoff for cutoff in cutoffs if cutoff <= ranks.pool]
    recalls = hits(ranks, within).T
    return {f"recall@{k}": hit for k, hit in zip(within, recalls, strict=True)} | {"mrr": reciprocals(ranks)}


def places(ranks: Ranks) -> dict[str, NDArray[np.float64]]:
    """Return per query [Q] the mean_rank, and where the pool allows the rsum: hits at 1, 5 and 10 in points of 300.

    The RSUM out of 600 of the literature is the sum of the two directions.
    """
    result = {"mean_rank": positions(ranks)}
    if ranks.pool >= max(RSUM_CUTOFFS):
        result["rsum"] = 100 * hits(ranks, RSUM_CUTOFFS).sum(axis=1)
    return result
