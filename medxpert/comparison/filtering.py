"""Smoothing, contrast and borders of a film, in plain numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_PASSES = 3
"""Box filters one after another are nearly a Gaussian."""
_FLAT = 0.6 / 255
"""Deviation below which a neighbourhood is no picture: a shutter, padding, the bare beam."""
_HOLE = 0.025
"""Of the longest side."""
_WINDOW = 0.09
"""Of the longest side: what local contrast is measured against."""
_STEADY = 0.03
"""Added to the local deviation, so that grain is not blown up to anatomy."""


def averaged(image: Floats, sigma: float) -> Floats:
    """Smooth [H, W] by about a Gaussian of `sigma` pixels; the borders are repeated."""
    radius = max(round(((12 * sigma**2 / _PASSES + 1) ** 0.5 - 1) / 2), 0)
    for _ in range(_PASSES if radius else 0):
        image = _box(_box(image, radius, 0), radius, 1)
    return image


def _box(image: Floats, radius: int, axis: int) -> Floats:
    width = [(0, 0), (0, 0)]
    width[axis] = (radius + 1, radius)
    sums = np.cumsum(np.pad(image, width, mode="edge"), axis=axis, dtype=np.float64)
    size = 2 * radius + 1
    high, low = [slice(None), slice(None)], [slice(None), slice(None)]
    high[axis], low[axis] = slice(size, None), slice(None, -size)
    return ((sums[tuple(high)] - sums[tuple(low)]) / size).astype(np.float32)


def shown(image: Floats) -> NDArray[np.bool_]:
    """Tell where [H, W] in 0..1 shows anything at all; small flat places within what it shows count as shown."""
    mean, square = _box(_box(image, 2, 0), 2, 1), _box(_box(image**2, 2, 0), 2, 1)
    alive = np.maximum(square - mean**2, 0) > _FLAT**2
    return averaged(alive.astype(np.float32), _HOLE * max(image.shape)) > 0.5


def inner(mask: NDArray[np.bool_], sigma: float) -> Floats:
    """Weigh a mask [H, W]: 0 at its border and the picture's own, rising to 1 about two `sigma` pixels inside."""
    margin = int(3 * sigma) + 1
    soft = averaged(np.pad(mask.astype(np.float32), margin), sigma)[margin:-margin, margin:-margin]
    return np.clip(2 * soft - 1, 0, 1).astype(np.float32)


def local_contrast(image: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Return how far each pixel [H, W] stands out of its neighbourhood, in its deviations; 0 where nothing is shown."""
    sigma = _WINDOW * max(image.shape)
    weight = averaged(valid.astype(np.float32), sigma) + np.float32(1e-3)
    mean = averaged(image * valid, sigma) / weight
    rest = (image - mean) * valid
    deviation = np.sqrt(averaged(rest**2, sigma) / weight)
    return (rest / (deviation + np.float32(_STEADY))).astype(np.float32)


def slope(image: Floats) -> Floats:
    """Return the steepest change per pixel, [H, W]."""
    return np.hypot(*gradient(image, 1))


def gradient(image: Floats, step: float) -> tuple[Floats, Floats]:
    """Return the derivatives of [H, W] downwards and across, each [H, W]; pixels are `step` apart."""
    down, across = np.gradient(image, step)
    return np.asarray(down, np.float32), np.asarray(across, np.float32)


def shrunk(image: Floats, side: int) -> Floats:
    """Average [H, W] down so that the longest side has at most about `side` pixels."""
    factor = round(max(image.shape) / side)
    if factor <= 1:
        return image
    high, wide = (length // factor * factor for length in image.shape)
    parts = image[:high, :wide].reshape(high // factor, factor, wide // factor, factor)
    return parts.mean((1, 3)).astype(np.float32)
