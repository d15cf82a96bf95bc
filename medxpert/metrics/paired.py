"""Two-sided p-values of paired differences, by flipping the signs of whole patients."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxpert.metrics.statistics import DRAWS, number_patients

_NOISE = 1e-9
"""Sums that differ by less than this share of all that could be summed are ties."""
_BLOCK_BYTES = 2**20


def p_values(
    differences: NDArray[np.floating], patients: ArrayLike, *, draws: int = DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Test whether paired differences [Q, M] of queries that belong to patients [Q] favour neither side, [M].

    Sign-flip permutation test (Fisher, The Design of Experiments, 1935; with random flips Phipson & Smyth, SAGMB 2010):
    if neither is better, each patient's sum is as likely with the other sign. p = (1 + c) / (1 + B) with c those of B
    flips whose total is at least as far from zero as the one found. The B flips are drawn, or all others there are
    where these are at most `draws`: the test is then exact. NaN marks a query that a column leaves out.

    Raises:
        DataError: there is no query, or not one patient per query.
    """
    numbers = number_patients(patients, len(differences))
    sums = np.zeros((int(numbers.max()) + 1, differences.shape[1]))
    np.add.at(sums, numbers, np.nan_to_num(differences))
    bound = np.abs(sums.sum(axis=0)) - _NOISE * np.abs(sums).sum(axis=0)
    reached = np.zeros(sums.shape[1])
    flips = min(draws, 2 ** len(sums) - 1)
    for signs in _signs(len(sums), flips, seed):
        reached += np.count_nonzero(np.abs(signs @ sums) >= bound, axis=0)
    return (1 + reached) / (1 + flips)


def _signs(num_patients: int, flips: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield 1 or -1 for each patient, [b, P], until there are `flips` rows: every pattern but all 1, or random ones."""
    generator = np.random.default_rng(seed)
    size = max(1, _BLOCK_BYTES // (8 * num_patients))
    for start in range(0, flips, size):
        rows = np.arange(start, min(start + size, flips))[:, None] + 1
        if flips == 2**num_patients - 1:
            flipped = rows >> np.arange(num_patients) & 1
        else:
            flipped = generator.integers(2, size=(len(rows), num_patients))
        yield np.where(flipped, -1.0, 1.0)
