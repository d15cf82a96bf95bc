"""Recall@1, 5 and 10 per query, as the tables beside the main ones show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.evaluation.tables.columns import RECALLS
from medxpert.metrics.ranking import RSUM_CUTOFFS, Ranks, hits


def recalls(ranks: Ranks) -> dict[str, NDArray[np.float64]]:
    """Return the expected hits per query [Q], by metric; 1 where the pool is no larger than the cutoff."""
    return dict(zip(RECALLS.values(), hits(ranks, RSUM_CUTOFFS).T, strict=True))
