"""From contributions on coarse grids to one map over the square that the model sees."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.models.layers import Floats

_DIAGONAL = ((0, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
"""Where a picture is moved to, down and right, so that the edges of the grid fall elsewhere each time."""
_TINY = float(np.finfo(np.float32).tiny)
_BLUR = 3 / 128
"""Deviation of the final blur, of the square's side."""


def moved(pixels: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Return the picture [S, S] where it is and moved by `step` pixels along both diagonals, [5, S, S]."""
    side = len(pixels)
    wide = np.pad(pixels, step, mode="edge")
    starts = [(step - step * down, step - step * right) for down, right in _DIAGONAL]
    return np.stack([wide[top : top + side, left : left + side] for top, left in starts])


def moved_back(maps: Floats, step: int) -> Floats:
    """Lay the maps [5, S, S] of moved pictures over each other and add them up, [S, S]."""
    side = maps.shape[1]
    total = np.zeros((side, side), np.float32)
    for one, (down, right) in zip(maps, _DIAGONAL, strict=True):
        wide = np.pad(one, step, mode="edge")
        top, left = step + step * down, step + step * right
        total += wide[top : top + side, left : left + side]
    return total


def enlarged(grid: Floats, height: int, width: int) -> Floats:
    """Interpolate a map [h, w] bicubically to [height, width]."""
    picture = Image.fromarray(np.ascontiguousarray(grid, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def merged(maps: Sequence[Floats]) -> Floats:
    """Add up maps [S, S] of several layers, each scaled to a largest size of 1, and blur their sum a little."""
    total = np.zeros_like(maps[0])
    for one in maps:
        total += one / max(float(np.max(np.abs(one))), _TINY)
    kernel = _blurring(len(total))
    return np.asarray(kernel @ total @ kernel.T, np.float32)


@lru_cache(maxsize=4)
def _blurring(side: int) -> Floats:
    """Return the matrix [side, side] that blurs one axis by a Gaussian; rows sum to 1, also at the edges."""
    places = np.arange(side, dtype=np.float32)
    kernel = np.exp(-0.5 * np.square((places[:, None] - places) / (_BLUR * side)))
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), np.float32)


def warmest(heat: Floats, part: float = 0.1) -> float:
    """Return which share of a map's sum lies in its warmest `part`; 0 for an empty map."""
    total = float(heat.sum(dtype=np.float64))
    if not total:
        return 0.0
    count = max(1, round(part * heat.size))
    return float(np.partition(heat, -count, axis=None)[-count:].sum(dtype=np.float64)) / total
