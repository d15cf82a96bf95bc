"""What the picture of a report's confidence is drawn from: reliability, and risk over coverage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.probabilities import BINS, risk_coverage
from medxpert.ontology import NEGATIVE, POSITIVE

_PICTURED = 40
"""Bins: most observations are absent, so that 15 of equal mass leave one or two above 20 %."""
_POINTS = 101
"""Of the curve that are kept."""

Floats = NDArray[np.float64]


class Reliability(NamedTuple):
    """Equal-mass bins of probabilities, the lowest first; [B] each."""

    mean: Floats
    """Probability."""
    share: Floats
    """Of positives."""
    size: NDArray[np.int64]


def reliability(probabilities: Floats, labels: NDArray[np.int8], bins: int = BINS) -> Reliability:
    """Return what a reliability diagram shows (DeGroot & Fienberg, The Statistician, 1983); empty bins are left out.

    Args:
        probabilities: of any shape; NaN where nobody said one.
        labels: of the same shape; only 1 and 0 count.
        bins: of equally many probabilities as far as their number allows; equal ones may be parted.
    """
    usable = np.isfinite(probabilities) & ((labels == POSITIVE) | (labels == NEGATIVE))
    said, true = probabilities[usable], labels[usable].astype(np.float64)
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), bins) if len(part)]
    mean, share = (np.array([values[part].mean() for part in parts]) for values in (said, true))
    return Reliability(mean, share, np.array([len(part) for part in parts], np.int64))


def curves(
    probabilities: Floats, labels: NDArray[np.int8], confidence: Floats, wrong: Floats, stated: Floats
) -> dict[str, list[float]]:
    """Return both as JSON values, the points of either in equally long lists.

    Args:
        probabilities: [N, C], pooled over the C observations.
        labels: [N, C].
        confidence: [N], as `risk_coverage` takes it.
        wrong: [N] likewise.
        stated: [N] likewise.

    Returns:
        {"probability", "positive", "count", "coverage", "risk"}; at most 101 points of the last two.
    """
    found = reliability(probabilities, labels, _PICTURED)
    coverage, risk = risk_coverage(confidence, wrong, stated)
    kept = np.unique(np.linspace(0, len(coverage) - 1, min(_POINTS, len(coverage))).astype(int))
    named = zip(("probability", "positive", "count"), found, strict=True)
    return {name: values.tolist() for name, values in named} | {
        "coverage": coverage[kept].tolist(),
        "risk": risk[kept].tolist(),
    }
