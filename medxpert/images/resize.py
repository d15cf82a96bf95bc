"""Fitting a radiograph into a square without losing or stretching anything.

CLIP's own preprocessing crops the centre square, which cuts the costophrenic angles off a landscape film, and
stretching changes the cardiothoracic ratio. So the longest side is resized and the rest is padded with black,
which is what collimation looks like. Square radiographs are only resized.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def fitted(size: tuple[int, int], side: int) -> Size:
    """Return the size, aspect kept, whose longest side is `side`."""
    scale = side / max(size)
    return Size(max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def resized(picture: Image.Image, side: int) -> Image.Image:
    """Resize with antialiasing so that the longest side is `side`; mode "L" or "F"."""
    size = fitted(picture.size, side)
    if picture.size == size:
        return picture
    # A gap of 3 box-averages by whole factors first: the same picture to within a grey level, much sooner.
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def padded(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Centre grey pixels [H, W], H and W at most `side`, on black [side, side]."""
    height, width = pixels.shape
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side), np.uint8)
    square[top : top + height, left : left + width] = pixels
    return square
