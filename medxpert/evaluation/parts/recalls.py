"""Recall@1, 5 and 10 per query, as the tables beside the main ones show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.ranking import Ranks, hits

CUTOFFS = (1, 5, 10)
RECALLS = {f"R@{k}": f"recall@{k}" for k in CUTOFFS}
"""Column -> metric."""
DIRECTIONS = {"image_to_text": "image → text", "text_to_image": "text → image"}


def recalls(ranks: Ranks) -> dict[str, NDArray[np.float64]]:
    """Return the expected hits per query [Q], by metric; 1 where the pool is no larger than the cutoff."""
    return dict(zip(RECALLS.values(), hits(ranks, CUTOFFS).T, strict=True))


def nested(columns: Iterable[tuple[str, ...]], cells: Iterable[Any]) -> dict[str, Any]:
    """Arrange cells by the parts of their columns' names, the outermost first."""
    result: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=True):
        inner = result
        for part in column[:-1]:
            inner = inner.setdefault(part, {})
        inner[column[-1]] = cell
    return result
