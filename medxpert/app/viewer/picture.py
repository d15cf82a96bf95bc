"""Radiographs and heat maps as PNGs that a browser unpacks without loss: more than 8 bits go into two planes.

A browser gives 8 bits of a 16-bit PNG. Two planes of grey, one above the other, are a third smaller than two channels.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.errors import DataError
from medxpert.images.depth import Deep, deep
from medxpert.images.errors import named
from medxpert.images.source import content

SIDE = 1536
_HEAT_SIDE = 512
"""Longest side of a heat map; patches are smoothed up to it, so that a threshold cuts along curves."""


class Picture(NamedTuple):
    """A radiograph ready to be windowed.

    Attributes:
        png: grey levels where there are at most 256, else their high bytes and, below these, their low bytes.
        width: of the picture in pixels.
        height: of the picture in pixels; the PNG's is twice that where there are more than 256 levels.
        lo: the value that level 0 stands for; the others are evenly spaced.
        hi: the value that the last level stands for.
        unit: what the values are, in a word.
        num_levels: 2 to 65536.
        black: the value that is shown black at first, white where `inverted`.
        white: the value that is shown white at first, black where `inverted`.
        inverted: low values are bright (MONOCHROME1).
        sigmoid: the window is a sigmoid.
        full_width: of the source in pixels.
        full_height: of the source in pixels.
    """

    png: bytes
    width: int
    height: int
    lo: float
    hi: float
    unit: str
    num_levels: int
    black: float
    white: float
    inverted: bool
    sigmoid: bool
    full_width: int
    full_height: int


def display_picture(path: Path, side: int = SIDE) -> Picture:
    """Read a PNG, JPEG, TIFF, BMP, WebP or DICOM radiograph for the viewer.

    Args:
        path: of the file.
        side: longest side in pixels; smaller pictures keep their size.

    Raises:
        ImageError: the picture is missing, unreadable, broken, truncated or too large.
    """
    with named(path.name):
        return display_content(content(path), path.suffix, side)


def display_content(data: bytes, suffix: str = "", side: int = SIDE) -> Picture:
    """Do the same for a file's content.

    Raises:
        ImageError: as for `display_picture`.
    """
    return _packed(deep(data, suffix, side))


def heat_png(heat: NDArray[np.float32]) -> bytes:
    """Return a heat map [h, w] of 0 to 1 as a grey PNG of 0 to 255, enlarged where it is coarse.

    Raises:
        DataError: this is no finite [h, w].
    """
    if heat.ndim != 2 or heat.size == 0 or not np.isfinite(heat).all():
        raise DataError(f"expected a heat map of finite values [h, w], found {list(heat.shape)} of {heat.dtype}")
    picture = Image.fromarray(np.clip(heat, 0, 1).astype(np.float32))
    scale = _HEAT_SIDE / max(picture.size)
    if scale > 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    return _png(np.rint(255 * np.clip(np.asarray(picture), 0, 1)).astype(np.uint8))


def _packed(found: Deep) -> Picture:
    levels = found.levels
    height, width = levels.shape
    planes = np.concatenate([levels >> 8, levels & 255]) if found.num_levels > 256 else levels
    return Picture(
        png=_png(planes.astype(np.uint8)),
        width=width,
        height=height,
        lo=found.lo,
        hi=found.hi,
        unit=found.unit,
        num_levels=found.num_levels,
        black=found.window.low,
        white=found.window.high,
        inverted=found.inverted,
        sigmoid=found.sigmoid,
        full_width=found.full.width,
        full_height=found.full.height,
    )


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    # noise has no repeated strings to look for: half the time of zlib's own way, and no larger
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()
