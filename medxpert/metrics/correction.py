"""Corrections of p-values for many comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values [M] step-down (Holm, Scandinavian Journal of Statistics 1979), [M] within [0, 1].

    Of M values in ascending order the i-th, counted from 1, becomes the largest (M - j + 1) * p_j of j <= i, at most 1.
    Rejecting what is at most alpha keeps the chance of any false rejection below alpha, however the tests depend.
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
