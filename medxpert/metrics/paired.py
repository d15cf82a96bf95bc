"""Two-sided p-values of paired differences, from the same bootstrap over patients as the intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxpert.metrics.statistics import DRAWS, number_patients, resample

_NOISE = 1e-9
"""Sums of hits this small are rounding around zero."""


def p_values(
    differences: NDArray[np.floating], patients: ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Test whether the means of paired differences [Q, M] of queries that belong to patients [Q] are zero, [M].

    p = min(1, 2 (1 + c) / (1 + B)) with c the fewer of the B draws whose mean is at most zero or at least zero
    (Davison & Hinkley, Bootstrap Methods and their Application, 1997); 2 / (1 + B) is the least that B draws can give.
    NaN marks a query that a column leaves out.

    Raises:
        DataError: there is no query, or not one patient per query.
    """
    numbers = number_patients(patients, len(differences))
    sums = np.zeros((int(numbers.max()) + 1, differences.shape[1]))
    np.add.at(sums, numbers, np.nan_to_num(differences))
    estimates: list[NDArray[np.float64]] = []

    def totals(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        # The sign of a sum is that of the mean.
        estimates.append(counts @ sums)
        return estimates[-1]

    resample(totals, len(sums), draws, seed)
    # The first estimate is that of all patients, which is no draw.
    drawn = np.concatenate(estimates[1:])
    fewer = np.minimum((drawn <= _NOISE).sum(axis=0), (drawn >= -_NOISE).sum(axis=0))
    return np.minimum(1, 2 * (1 + fewer) / (1 + draws))
