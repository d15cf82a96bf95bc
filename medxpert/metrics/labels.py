"""Clinical relevance: how well retrieval agrees with the 14 observations.

Labels are int8 arrays [N, C] of 1 positive, 0 negative, -1 uncertain, -2 not mentioned. Retrieval looks at the set of
positive ones; ties get their expected value under a uniform order (McSherry & Najork, ECIR 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxpert.errors import DataError
from medxpert.metrics.ranking import CUTOFFS
from medxpert.metrics.scores import CHUNK, best_columns, blocks, check_rows, check_widths, distinct
from medxpert.ontology import NO_FINDING, OBSERVATIONS, POSITIVE

RELEVANT = 0.5
"""The least Jaccard index of a relevant case."""
NDCG_CUTOFF = 10

_DISCOUNTS = 1 / np.log2(np.arange(NDCG_CUTOFF) + 2)
_NORMAL = OBSERVATIONS.index(NO_FINDING)


class LabelRetrieval(NamedTuple):
    """label_recall@K, label_precision@K and ndcg@10 per query [Q].

    NaN where no gallery item is relevant (recall, precision) or shares a label (ndcg).
    """

    values: dict[str, NDArray[np.float64]]
    chance: dict[str, NDArray[np.float64]]
    """The same for a constant embedding."""


class Owners(NamedTuple):
    """Whose the queries and the gallery items are; nobody may find what is his own."""

    queries: ArrayLike
    """Q ids."""
    gallery: ArrayLike
    """G ids of the same type."""


class _Pairs(NamedTuple):
    """Places in a block of scores: a query, counted from the first of the block, and a gallery item."""

    query: NDArray[np.int64]
    item: NDArray[np.int64]


class _Gains(NamedTuple):
    """What B queries can expect at each of the first K places, [B, K]."""

    jaccard: NDArray[np.float64]
    """Mean Jaccard index."""
    relevant: NDArray[np.float64]
    """Probability of a relevant item."""


class _Gallery(NamedTuple):
    """What B queries can find in the whole gallery, [B]."""

    num_relevant: NDArray[np.int64]
    ideal: NDArray[np.float64]
    """The largest possible DCG."""
    size: NDArray[np.int64]
    mean: _Gains
    """The expectation [B, 1] at every place of a random order."""


def jaccard(labels: NDArray[np.int8], others: NDArray[np.int8]) -> NDArray[np.float32]:
    """Compare the positive sets of labels [A, 14] and others [B, 14]: shared over either, [A, B] in [0, 1].

    Two No Finding studies score 1 whatever devices they show; two empty sets score 0.
    """
    left, right = ((one == POSITIVE).astype(np.float32) for one in (labels, others))
    shared = left @ right.T
    either = left.sum(axis=1)[:, None] + right.sum(axis=1) - shared
    return np.maximum(shared / np.maximum(either, 1), np.outer(left[:, _NORMAL], right[:, _NORMAL]))


def label_retrieval(
    queries: NDArray[np.floating],
    gallery: NDArray[np.floating],
    query_labels: NDArray[np.int8],
    gallery_labels: NDArray[np.int8],
    cutoffs: Sequence[int] = CUTOFFS,
    chunk: int = CHUNK,
    owners: Owners | None = None,
) -> LabelRetrieval:
    """Judge the best gallery rows [G, D] per query [Q, D] by the Jaccard index of labels [Q, 14] and [G, 14].

    label_recall@K is true recall, out of all items of index 0.5 or more; ndcg@10 takes the index as linear gain.
    Cutoffs beyond the gallery are left out. Memory is O(chunk x G).

    Args:
        queries: finite, of any float type.
        gallery: finite, of any float type.
        query_labels: in {1, 0, -1, -2}.
        gallery_labels: in {1, 0, -1, -2}.
        cutoffs: each K.
        chunk: queries at a time.
        owners: takes from each query's gallery what belongs to its own owner; places that then stay empty are misses.

    Raises:
        DataError: an embedding is not finite, or counts or widths differ.
    """
    check_rows("query embeddings", queries, len(query_labels))
    check_rows("gallery embeddings", gallery, len(gallery_labels))
    check_widths(queries, gallery)
    within = [cutoff for cutoff in cutoffs if cutoff <= len(gallery)]
    depth = min(len(gallery), max([NDCG_CUTOFF, *within]))
    own = _pairs_of(owners, len(queries), len(gallery))
    vectors, of = distinct(gallery)
    # Studies share few sets of positive labels: compare the sets, then expand.
    positive = (gallery_labels == POSITIVE).astype(np.int8)
    patterns, pattern_of, copies = np.unique(positive, axis=0, return_inverse=True, return_counts=True)
    values: list[dict[str, NDArray[np.float64]]] = []
    chance: list[dict[str, NDArray[np.float64]]] = []
    for rows, distinct_scores in blocks(queries, vectors, chunk):
        index, scores = jaccard(query_labels[rows], patterns), distinct_scores[:, of]
        left = np.tile(copies, (len(scores), 1))
        query, item = own(rows)
        scores[query, item] = -np.inf
        np.subtract.at(left, (query, pattern_of[item]), 1)
        whole = _whole(index, left)
        values.append(_metrics(_expected(index, pattern_of, scores, depth), whole, within))
        filled = np.arange(depth) < whole.size[:, None]
        chance.append(_metrics(_Gains(*(gain * filled for gain in whole.mean)), whole, within))
    return LabelRetrieval(_joined(values), _joined(chance))


def _pairs_of(owners: Owners | None, num_queries: int, num_items: int) -> Callable[[slice], _Pairs]:
    """Return the function from consecutive queries to all their pairs with what is their own.

    Raises:
        DataError: there is not one owner per query or item.
    """
    if owners is None:
        nobody = np.empty(0, np.int64)
        return lambda rows: _Pairs(nobody, nobody)
    asking, held = np.asarray(owners.queries), np.asarray(owners.gallery)
    if (len(asking), len(held)) != (num_queries, num_items):
        raise DataError(
            f"expected an owner for each of {num_queries} queries and {num_items} items, found {len(asking)} and "
            f"{len(held)}"
        )
    order = np.argsort(held, kind="stable")
    begin, end = (np.searchsorted(held[order], asking, side) for side in ("left", "right"))

    def pairs(rows: slice) -> _Pairs:
        sizes = (end - begin)[rows]
        query = np.repeat(np.arange(len(sizes)), sizes)
        return _Pairs(query, order[np.arange(len(query)) + (begin[rows] - np.cumsum(sizes) + sizes)[query]])

    return pairs


def _expected(
    index: NDArray[np.float32], pattern_of: NDArray[np.int64], scores: NDArray[np.float32], depth: int
) -> _Gains:
    """Average Jaccard indices over items of equal score, at each of the best `depth` places.

    Args:
        index: of each label pattern, [B, P].
        pattern_of: of each item, [G].
        scores: of each item, [B, G]; -inf where it may not be found.
        depth: at most G.
    """
    columns = best_columns(scores, depth)
    best = np.take_along_axis(scores, columns, axis=1)
    empty, edge = best == -np.inf, best[:, -1:]
    # Runs of equal scores, numbered through the block; the last run of a row may go on beyond `depth`.
    runs = np.cumsum(np.hstack([np.ones_like(empty[:, :1]), best[:, 1:] != best[:, :-1]])).reshape(best.shape) - 1
    tied = scores == edge
    longer = np.count_nonzero(tied, axis=1) > np.count_nonzero(best == edge, axis=1)
    crowded = np.flatnonzero(longer & ~empty[:, -1])
    patterns = [np.bincount(pattern_of[row], minlength=index.shape[1]) for row in tied[crowded]]
    copies = np.reshape(patterns, (len(crowded), index.shape[1]))

    def average(gains: NDArray[np.floating]) -> NDArray[np.float64]:
        picked = np.where(empty, 0, np.take_along_axis(gains, pattern_of[columns], axis=1))
        expected = (np.bincount(runs.ravel(), picked.ravel()) / np.bincount(runs.ravel()))[runs]
        mean = (gains[crowded] * copies).sum(axis=1, keepdims=True) / copies.sum(axis=1, keepdims=True)
        expected[crowded] = np.where(best[crowded] == edge[crowded], mean, expected[crowded])
        return expected

    return _Gains(average(index), average((index >= RELEVANT).astype(np.float32)))


def _whole(index: NDArray[np.float32], copies: NDArray[np.int64]) -> _Gallery:
    """Sum up galleries that hold each of P label patterns of Jaccard index [B, P] so many times [B, P]."""
    found = np.where(copies > 0, index, 0)
    size, relevant = copies.sum(axis=1), ((found >= RELEVANT) * copies).sum(axis=1)
    best = best_columns(found, min(NDCG_CUTOFF, copies.shape[1]))
    ends = np.minimum(np.cumsum(np.take_along_axis(copies, best, axis=1), axis=1), NDCG_CUTOFF)
    shares = np.diff(np.r_[0, np.cumsum(_DISCOUNTS)][ends], axis=1, prepend=0)
    ideal = (np.take_along_axis(found, best, axis=1) * shares).sum(axis=1)
    some = np.maximum(size, 1)
    mean = _Gains(((found * copies).sum(axis=1) / some)[:, None], (relevant / some)[:, None])
    return _Gallery(relevant, ideal, size, mean)


def _metrics(gains: _Gains, whole: _Gallery, cutoffs: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    found = np.cumsum(gains.relevant, axis=1)
    found[whole.num_relevant == 0] = np.nan
    gain = gains.jaccard[:, :NDCG_CUTOFF]
    reached = gain @ _DISCOUNTS[: gain.shape[1]]
    return {
        **{f"label_recall@{k}": found[:, k - 1] / np.maximum(whole.num_relevant, 1) for k in cutoffs},
        **{f"label_precision@{k}": found[:, k - 1] / k for k in cutoffs},
        f"ndcg@{NDCG_CUTOFF}": reached / np.where(whole.ideal > 0, whole.ideal, np.nan),
    }


def _joined(parts: Sequence[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
