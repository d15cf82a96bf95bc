"""What a picture is from afar: a thumbnail of 8 x 8 cells, in which exposure and contrast do not count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS = 8
_FAINT = 5.0
"""Grey levels of contrast below which a picture is not stretched to full contrast."""


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Return grey pixels [N, S, S], S >= 8, as rows of 64 cells of mean 0 and deviation near 1, float64 [N, 64]."""
    cells = _cells(pixels)
    centred = cells - cells.mean(axis=1, keepdims=True)
    return centred / (centred.std(axis=1, keepdims=True) + _FAINT)


def contrasts(pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Return the deviation of grey levels within each picture [N, S, S], float64 [N]."""
    return pixels.reshape(len(pixels), -1).std(axis=1, dtype=np.float64)


def _cells(pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Average the pixels of each cell, [N, 64]."""
    edges = np.linspace(0, pixels.shape[1], CELLS + 1).astype(int)
    sums = np.add.reduceat(pixels.astype(np.float64), edges[:-1], axis=1)
    sums = np.add.reduceat(sums, edges[:-1], axis=2)
    lengths = np.diff(edges)
    return (sums / np.outer(lengths, lengths)).reshape(len(pixels), CELLS**2)
