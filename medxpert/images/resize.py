"""Fitting a radiograph into a square without stretching anything.

CLIP's own preprocessing crops the centre square, which cuts the costophrenic angles off a landscape film, and
stretching changes the cardiothoracic ratio. So by default the longest side is resized and the rest is padded with
black, which is what collimation looks like. Square radiographs are only resized. The crop is there for encoders
that were trained with it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.images.errors import ImageError

Fit = Literal["pad", "crop"]
"""Into the square: the whole radiograph with black around it, or its centre square."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Goal(NamedTuple):
    """What to make of a picture: `fit` "whole" keeps the aspect, adds no padding and never enlarges."""

    side: int
    fit: Literal["pad", "crop", "whole"] = "pad"

    def size(self, size: tuple[float, float]) -> Size:
        """Return the size, aspect kept, to which a picture of `size` is resized before padding or cropping."""
        whole = max(size) if self.fit != "crop" else min(size)
        side = self.side if self.fit != "whole" else min(self.side, round(whole))
        return Size(max(1, round(size[0] * side / whole)), max(1, round(size[1] * side / whole)))


def resized(picture: Image.Image, goal: Goal, extent: tuple[float, float] | None = None) -> Image.Image:
    """Resize a picture of mode "L" or "F" with antialiasing, to `goal.size` or to its centre square.

    Args:
        picture: what to resize.
        goal: the size wanted.
        extent: width and height that the radiograph takes of the picture, where it ends within the last pixel.
    """
    width, height = extent or picture.size
    if goal.fit == "crop":
        half = min(width, height) / 2
        size = Size(goal.side, goal.side)
        box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
    else:
        size, box = goal.size((width, height)), (0, 0, width, height)
    if size == picture.size and box == (0, 0, *picture.size):
        return picture
    # A gap of 3 box-averages by whole factors first: the same picture to within a grey level, much sooner.
    return picture.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def padded(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Centre grey pixels [H, W], H and W at most `side`, on black [side, side]; a full square is returned itself."""
    height, width = pixels.shape
    if height == width == side:
        return pixels
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side), np.uint8)
    square[top : top + height, left : left + width] = pixels
    return square


def finished(small: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels [H, W] of a resized picture; mode "F" is stretched from its darkest to its brightest value.

    Raises:
        ImageError: pixel values are not finite.
    """
    if small.mode == "L":
        return np.array(small)
    pixels = np.asarray(small)
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite(high - low):
        raise ImageError("expected finite pixel values, found NaN or infinity", "image broken")
    return np.rint((pixels - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
