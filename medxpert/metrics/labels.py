"""Clinical relevance: how well retrieval and scores agree with the 14 observations.

Labels are int8 arrays [N, C] of 1 positive, 0 negative, -1 uncertain, -2 not mentioned. Retrieval looks at the set of
positive ones; ties get their expected value under a uniform order (McSherry & Najork, ECIR 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxpert.errors import DataError
from medxpert.metrics.ranking import CUTOFFS
from medxpert.metrics.scores import CHUNK, best_columns, blocks, check_rows, check_widths, distinct
from medxpert.metrics.statistics import DRAWS, Intervals, number_patients, resample
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, POSITIVE

RELEVANT = 0.5
"""The least Jaccard index of a relevant case."""
NDCG_CUTOFF = 10
MIN_POSITIVES = 10

_DISCOUNTS = 1 / np.log2(np.arange(NDCG_CUTOFF) + 2)
_NORMAL = OBSERVATIONS.index(NO_FINDING)


class LabelRetrieval(NamedTuple):
    """label_recall@K, label_precision@K and ndcg@10 per query [Q].

    NaN where no gallery item is relevant (recall, precision) or shares a label (ndcg).
    """

    values: dict[str, NDArray[np.float64]]
    chance: dict[str, NDArray[np.float64]]
    """The same for a constant embedding."""


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
) -> LabelRetrieval:
    """Judge the best gallery rows [G, D] per query [Q, D] by the Jaccard index of labels [Q, 14] and [G, 14].

    label_recall@K is true recall, out of all items of index 0.5 or more; ndcg@10 takes the index as linear gain.
    Cutoffs beyond the gallery are left out. Memory is O(chunk x G).

    Raises:
        DataError: an embedding is not finite, or counts or widths differ.
    """
    check_rows("query embeddings", queries, len(query_labels))
    check_rows("gallery embeddings", gallery, len(gallery_labels))
    check_widths(queries, gallery)
    within = [cutoff for cutoff in cutoffs if cutoff <= len(gallery)]
    depth = min(len(gallery), max([NDCG_CUTOFF, *within]))
    vectors, of = distinct(gallery)
    # Studies share few sets of positive labels: compare the sets, then expand.
    positive = (gallery_labels == POSITIVE).astype(np.int8)
    patterns, pattern_of, copies = np.unique(positive, axis=0, return_inverse=True, return_counts=True)
    values: list[dict[str, NDArray[np.float64]]] = []
    chance: list[dict[str, NDArray[np.float64]]] = []
    for rows, scores in blocks(queries, vectors, chunk):
        index = jaccard(query_labels[rows], patterns)
        whole = _whole(index, copies)
        values.append(_metrics(_expected(index[:, pattern_of], scores[:, of], depth), whole, within))
        constant = _Gains(*(np.repeat(gain, depth, axis=1) for gain in whole.mean))
        chance.append(_metrics(constant, whole, within))
    return LabelRetrieval(_joined(values), _joined(chance))


def auroc(
    scores: NDArray[np.floating], labels: NDArray[np.int8], min_positives: int = MIN_POSITIVES
) -> NDArray[np.float64]:
    """Return the area under the ROC curve per label [C]: how often a positive outscores a negative, ties half.

    Args:
        scores: finite, [N, C].
        labels: [N, C]; only 1 and 0 count.
        min_positives: with fewer positives, or fewer negatives, the area is NaN.

    Raises:
        DataError: the shapes differ or a score is not finite.
    """
    _check_scores(scores, labels)
    return _areas(scores, labels, min_positives, np.ones((1, len(scores))))[0]


def bootstrap_auroc(
    scores: NDArray[np.floating],
    labels: NDArray[np.int8],
    patients: ArrayLike,
    min_positives: int = MIN_POSITIVES,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Intervals:
    """Estimate `auroc` with its intervals over patients [N].

    Raises:
        DataError: as `auroc`, or there is not one patient per study.
    """
    _check_scores(scores, labels)
    numbers = number_patients(patients, len(scores))
    return resample(
        lambda counts: _areas(scores, labels, min_positives, counts[:, numbers]),
        int(numbers.max()) + 1,
        draws,
        seed,
    )


def _expected(index: NDArray[np.float32], scores: NDArray[np.float32], depth: int) -> _Gains:
    """Average Jaccard indices [B, G] over items of equal score, at each of the best `depth` places."""
    columns = best_columns(scores, depth)
    best = np.take_along_axis(scores, columns, axis=1)
    # Runs of equal scores, numbered through the block; the last run of a row may go on beyond `depth`.
    runs = np.cumsum(np.diff(best, axis=1, prepend=np.inf) != 0).reshape(best.shape) - 1
    last = scores == best[:, -1:]

    def average(gains: NDArray[np.floating]) -> NDArray[np.float64]:
        picked = np.take_along_axis(gains, columns, axis=1)
        means = np.bincount(runs.ravel(), picked.ravel()) / np.bincount(runs.ravel())
        edge = (gains * last).sum(axis=1, dtype=np.float64) / np.count_nonzero(last, axis=1)
        return np.where(best == best[:, -1:], edge[:, None], means[runs])

    return _Gains(average(index), average((index >= RELEVANT).astype(np.float32)))


def _whole(index: NDArray[np.float32], copies: NDArray[np.int64]) -> _Gallery:
    """Sum up a gallery that holds each of P label patterns of Jaccard index [B, P] so many times [P]."""
    size, relevant = copies.sum(), (index >= RELEVANT) @ copies
    best = best_columns(index, min(NDCG_CUTOFF, len(copies)))
    ends = np.minimum(np.cumsum(copies[best], axis=1), NDCG_CUTOFF)
    shares = np.diff(np.r_[0, np.cumsum(_DISCOUNTS)][ends], axis=1, prepend=0)
    ideal = (np.take_along_axis(index, best, axis=1) * shares).sum(axis=1)
    return _Gallery(relevant, ideal, _Gains((index @ copies / size)[:, None], (relevant / size)[:, None]))


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


def _check_scores(scores: NDArray[np.floating], labels: NDArray[np.int8]) -> None:
    check_rows("label scores", scores)
    if scores.shape != labels.shape:
        raise DataError(f"expected a score per label, found scores {scores.shape} and labels {labels.shape}")


def _areas(
    scores: NDArray[np.floating],
    labels: NDArray[np.int8],
    min_positives: int,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the area per draw and label [b, C] where study n counts `weights[:, n]` times."""
    result = np.full((len(weights), labels.shape[1]), np.nan)
    for column, (score, label) in enumerate(zip(scores.T, labels.T, strict=True)):
        positive, negative = label == POSITIVE, label == NEGATIVE
        if min(np.count_nonzero(positive), np.count_nonzero(negative)) >= max(min_positives, 1):
            result[:, column] = _area(score, weights * positive, weights * negative)
    return result


def _area(
    scores: NDArray[np.floating], positives: NDArray[np.float64], negatives: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    up = np.add.reduceat(positives[:, order], starts, axis=1)
    down = np.add.reduceat(negatives[:, order], starts, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    with np.errstate(invalid="ignore"):
        return (up * below).sum(axis=1) / (up.sum(axis=1) * down.sum(axis=1))
