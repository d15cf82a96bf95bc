"""Two-sided p-values of differences between ratios of sums: two contenders' answers exchanged for whole patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.statistics import DRAWS

_NOISE = 1e-9
"""Differences that differ by less are ties."""
_BLOCK_BYTES = 2**20

Floats = NDArray[np.float64]


def exchange_p(estimate: Callable[[Floats], Floats], num_patients: int, *, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Test whether two contenders' figures on the same P patients differ, [M].

    Approximate randomisation (Noreen, Computer-Intensive Methods for Testing Hypotheses, 1989; for F1: Yeh, COLING
    2000): if neither is better, each patient's answers are as likely to be the other's. p = (1 + c) / (1 + B), with c
    those of B random exchanges whose difference is at least as far from zero as the one found. NaN where the
    difference is undefined; an exchange that makes it undefined counts against it.

    Args:
        estimate: maps weights [b, 2 P], of the answers of the first and then of the second contender for each patient,
            to M figures of those answers, [b, M].
        num_patients: P.
        draws: B.
        seed: of the exchanges.
    """
    generator = np.random.default_rng(seed)
    found = np.abs(_differences(estimate, np.ones((1, num_patients))))[0]
    reached = np.zeros(len(found))
    size = max(1, _BLOCK_BYTES // (16 * num_patients))
    for start in range(0, draws, size):
        kept = generator.integers(2, size=(min(size, draws - start), num_patients)).astype(np.float64)
        others = np.abs(_differences(estimate, kept))
        reached += (~(others < found - _NOISE)).sum(axis=0)
    return np.where(np.isnan(found), np.nan, (1 + reached) / (1 + draws))


def _differences(estimate: Callable[[Floats], Floats], kept: Floats) -> Floats:
    """Return the first's less the second's figures where answers with 1 in kept [b, P] are not exchanged."""
    return estimate(np.hstack([kept, 1 - kept])) - estimate(np.hstack([1 - kept, kept]))
