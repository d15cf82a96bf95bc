"""Suspicion of text burned into a film, such as a patient's name.

A line of text is a place near the border where, over most of a glyph's height, every row of pixels crosses at least
four thin bright strokes within the width of four glyphs. A side marker has too few strokes. The suspicion is for a
person to look into and never drops a film.

Of 735 frontal films of NIH ChestX-ray14 at 256 px it names 37 (5.0 %): 29 bear a line of text ("PORTABLE" nearly
always), 8 a side marker with a technologist's initials, none is without text. Text drawn on dark film is found from a
cap height of about 3 % of the film's longest side on; below that, its strokes melt together at 256 px, and about one
film in ten that it does not name bears such small print.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.images.header import DicomHeader

_GLYPH_HEIGHTS = (6 / 256, 9 / 256, 14 / 256, 22 / 256)
"""Font sizes looked for, relative to the longest side."""
_BORDER = 0.3
"""The part of height and width at each side that is searched."""
_LEAST_SIDE = 128
"""Below this no text can be told from noise."""
_CONTRAST = 40
_BRIGHT = 110
_NUM_STROKES = 4
_ROWS = 0.75
"""The share of rows that must cross the strokes."""


class _Line(NamedTuple):
    """The size of a piece of text to look for, in pixels."""

    stroke: int
    width: int
    height: int


def burned_in(header: DicomHeader | None, pixels: NDArray[np.uint8]) -> str:
    """Return why a film may bear burned-in text, or "" where nothing points to it.

    Args:
        header: of its DICOM file, if there is one.
        pixels: uint8 [H, W]; small text needs 256 px or more, and nothing is found below 128.
    """
    if header is not None and header.burned_in == "YES":
        return "header says burned-in annotation"
    if has_text_line(pixels):
        return "a line of text near the border"
    return ""


def has_text_line(pixels: NDArray[np.uint8]) -> bool:
    """Tell whether a line of at least four bright glyphs, upright or turned, stands near the border of [H, W]."""
    longest = max(pixels.shape)
    if min(pixels.shape) < _LEAST_SIDE:
        return False
    lines = [_line(longest * height) for height in _GLYPH_HEIGHTS]
    turned = np.ascontiguousarray(pixels.T)
    return any(_found(grey, line) for grey, line in product((pixels, turned), lines))


def _line(glyph: float) -> _Line:
    return _Line(stroke=max(2, round(glyph / 5)), width=round(2.8 * glyph), height=max(3, round(0.6 * glyph)))


def _found(pixels: NDArray[np.uint8], line: _Line) -> bool:
    if pixels.shape[0] < line.height or pixels.shape[1] < line.width:
        return False
    strokes = _strokes(pixels, line.stroke)
    enough = int(np.ceil(_ROWS * line.height))
    rich = (strokes.sum(axis=1, dtype=np.uint16) >= _NUM_STROKES).astype(np.uint8)
    tops = np.flatnonzero(_windowed(rich, line.height, 1) >= enough)
    if len(tops) == 0:
        return False
    band = strokes[tops[0] : tops[-1] + line.height]
    crossed = (_windowed(band.ravel(), line.width, 1) >= _NUM_STROKES).view(np.uint8)
    tall = _windowed(crossed, line.height, pixels.shape[1]) >= enough
    # places whose width ends in the next row do not count
    columns = np.flatnonzero(tall) % pixels.shape[1]
    return bool((columns <= pixels.shape[1] - line.width).any())


def _strokes(pixels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Mark with 1 where thin strokes near the border of [H, W] begin: brighter than what lies `reach` to both sides."""
    flat, thin = pixels.ravel(), np.zeros(pixels.shape, bool)
    inner = flat[reach:-reach]
    # below _CONTRAST the difference wraps around, but that is below _BRIGHT too
    outstanding = inner - np.uint8(_CONTRAST) >= np.maximum(flat[: -2 * reach], flat[2 * reach :])
    np.logical_and(outstanding, inner >= _BRIGHT, out=thin.ravel()[reach:-reach])
    thin[:, :reach] = thin[:, -reach:] = False
    thin.ravel()[1:] &= ~thin.ravel()[:-1]
    height, width = pixels.shape
    top, left = int(height * _BORDER), int(width * _BORDER)
    thin[top : height - top, left : width - left] = False
    return thin.view(np.uint8)


def _windowed(marks: NDArray[np.uint8], length: int, step: int) -> NDArray[np.uint8]:
    """Sum `length` marks, each `step` after the one before, from every place of [N] at which they all exist."""
    num_places = len(marks) - (length - 1) * step
    sums, done = np.zeros(num_places, np.uint8), 0
    block, size = marks, 1
    while done < length:
        if length & size:
            sums += block[done * step :][:num_places]
            done += size
        if done < length:
            block, size = block[: len(block) - size * step] + block[size * step :], 2 * size
    return sums
