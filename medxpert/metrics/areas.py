"""Areas under the curves of scores that should tell positive studies from negative ones.

Labels are int8 arrays [N, C] of 1 positive and 0 negative; whatever else stands there is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.metrics.scores import check_rows
from medxpert.metrics.statistics import Estimator
from medxpert.ontology import NEGATIVE, POSITIVE

MIN_POSITIVES = 20
"""Fewer positives, or fewer negatives, are too few for an area."""


class Curve(NamedTuple):
    """What b draws hold at each of the T scores that some positive study has, best score first."""

    positives: NDArray[np.float64]
    """[b, T] positives with exactly this score."""
    above: NDArray[np.float64]
    """[b, T] negatives with a better score."""
    tied: NDArray[np.float64]
    """[b, T] negatives with exactly this score."""
    negatives: NDArray[np.float64]
    """[b, 1] negatives with any score."""


Area = Callable[[Curve], NDArray[np.float64]]
"""Maps the curves of b draws to their areas [b]."""


class _Order(NamedTuple):
    """The known studies of one label, best score first."""

    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    starts: NDArray[np.int64]
    """[T], the first positive study of each distinct score."""
    above: NDArray[np.int64]
    """[T], how many negative studies score better."""
    reached: NDArray[np.int64]
    """[T], how many negative studies score as well or better."""


def roc(curve: Curve) -> NDArray[np.float64]:
    """Return how often a positive outscores a negative, ties half (Hanley & McNeil, Radiology 1982)."""
    outscored = curve.negatives - curve.above - curve.tied / 2
    return (curve.positives * outscored).sum(axis=1) / (curve.positives.sum(axis=1) * curve.negatives[:, 0])


def precision_recall(curve: Curve) -> NDArray[np.float64]:
    """Return average precision: the precision at each distinct score, weighted by the recall that it adds."""
    found = np.cumsum(curve.positives, axis=1)
    precision = found / np.maximum(found + curve.above + curve.tied, 1)
    return (curve.positives * precision).sum(axis=1) / found[:, -1]


def auroc(
    scores: NDArray[np.floating], labels: NDArray[np.int8], min_positives: int = MIN_POSITIVES
) -> NDArray[np.float64]:
    """Return the area under the ROC curve per label [C]; a constant score has 0.5.

    Args:
        scores: finite, [N, C].
        labels: [N, C].
        min_positives: with fewer positives, or fewer negatives, the area is NaN.

    Raises:
        DataError: the shapes differ or a score is not finite.
    """
    return estimator(roc, scores, labels, np.arange(len(scores)), min_positives)(np.ones((1, len(scores))))[0]


def auprc(
    scores: NDArray[np.floating], labels: NDArray[np.int8], min_positives: int = MIN_POSITIVES
) -> NDArray[np.float64]:
    """Return the average precision per label [C]; a constant score has the share of positives.

    Args and Raises as `auroc`.
    """
    every = np.arange(len(scores))
    return estimator(precision_recall, scores, labels, every, min_positives)(np.ones((1, len(scores))))[0]


def estimator(
    area: Area,
    scores: NDArray[np.floating],
    labels: NDArray[np.int8],
    patients: NDArray[np.int64],
    min_positives: int = MIN_POSITIVES,
) -> Estimator:
    """Return the function from how often each patient was drawn, [b, P], to the area per draw and label, [b, C].

    Scores are sorted once. Estimators over the same patients can be joined in one `resample`, which pairs them.

    Args:
        area: `roc` or `precision_recall`.
        scores: finite, [N, C].
        labels: [N, C].
        patients: numbers from 0 to P - 1, [N].
        min_positives: with fewer positives, or fewer negatives, the area is NaN.

    Raises:
        DataError: the shapes differ or a score is not finite.
    """
    check_rows("label scores", scores)
    if scores.shape != labels.shape:
        raise DataError(f"expected a score per label, found scores {scores.shape} and labels {labels.shape}")
    orders = [_order(*columns, min_positives) for columns in zip(scores.T, labels.T, strict=True)]

    def estimate(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.full((len(counts), len(orders)), np.nan)
        for column, order in enumerate(orders):
            if order is not None:
                with np.errstate(invalid="ignore"):
                    result[:, column] = area(_curve(order, counts, patients))
        return result

    return estimate


def _order(score: NDArray[np.floating], label: NDArray[np.int8], min_positives: int) -> _Order | None:
    """Sort one label's known studies; None where they are too few."""
    positive, negative = (np.flatnonzero(label == value) for value in (POSITIVE, NEGATIVE))
    if min(len(positive), len(negative)) < max(min_positives, 1):
        return None
    positive, negative = (rows[np.argsort(-score[rows], kind="stable")] for rows in (positive, negative))
    starts = np.flatnonzero(np.diff(score[positive], prepend=np.inf))
    levels, others = -score[positive[starts]], -score[negative]
    above, reached = np.searchsorted(others, levels, "left"), np.searchsorted(others, levels, "right")
    return _Order(positive, negative, starts, above, reached)


def _curve(order: _Order, counts: NDArray[np.float64], patients: NDArray[np.int64]) -> Curve:
    """Count one label's studies in draws that hold each patient `counts` times, [b, P]."""
    positives = np.add.reduceat(counts[:, patients[order.positive]], order.starts, axis=1)
    ahead = np.zeros((len(counts), len(order.negative) + 1))
    np.cumsum(counts[:, patients[order.negative]], axis=1, out=ahead[:, 1:])
    above = ahead[:, order.above]
    return Curve(positives, above, ahead[:, order.reached] - above, ahead[:, -1:])
