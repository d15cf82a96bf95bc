"""Contact sheets in the dark of a reading room, drawn with PIL alone so that they cost no start-up time."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

BACKGROUND, PANEL = "#101317", "#1b2027"
BRIGHT, SOFT, FAINT = "#f2f4f7", "#b9c1cc", "#7d8794"
RIGHT, WRONG, QUERY = "#35b37e", "#d9694b", "#56a3e8"
"""Frames: a right answer, a wrong one, the question itself. They differ in lightness too."""

_DEJAVU = "mpl-data/fonts/ttf/DejaVuSans.ttf"
_GAP_PX = 14
_FRAME_PX, _INSET_PX = 3, 6
_LINE_HEIGHT = 1.32
_LARGER = 1.25
"""Font scale of the heading and of text that has a tile to itself."""
_MAX_LINES = 9
_MAX_CHARS = 4000
"""More is never seen."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell of a contact sheet.

    Attributes:
        image: a PIL image, an encoded image's bytes, or grey pixels [H, W]; None gives its room to the text.
        title: one line, shortened to fit.
        text: wrapped, at most nine lines below an image; a text-only tile holds what fits.
        frame: colour around the tile, such as `RIGHT`.
        badge: a few characters in the upper right corner, such as a score.
    """

    image: Image.Image | bytes | NDArray[np.uint8] | None
    title: str = ""
    text: str = ""
    frame: str | None = None
    badge: str = ""


class Face(NamedTuple):
    """A font at one size, and the height of its lines."""

    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    line_px: int

    def width(self, text: str) -> float:
        """Return how many pixels a text takes."""
        return self.font.getlength(text)


class _Cell(NamedTuple):
    """A tile with its words already broken into lines, and the pixel height it needs."""

    tile: Tile
    lines: list[str]
    height: int


def contact_sheet(tiles: Sequence[Tile], columns: int, side: int, heading: str = "", notice: str = "") -> Image.Image:
    """Lay tiles out row by row, each row as tall as its longest text.

    Args:
        tiles: at least one.
        columns: tiles per row; fewer tiles make a narrower sheet.
        side: width of a tile and largest side of its picture, in pixels.
        heading: one or more lines above the sheet.
        notice: one or more lines below it.

    Returns:
        An RGB image.
    """
    plain, large = _face(side), _face(side, _LARGER)
    cells = [_measured(tile, side) for tile in tiles]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    width = min(columns, len(cells)) * (side + _GAP_PX) + _GAP_PX
    above, below = (wrap(text, face, width - 2 * _GAP_PX) for text, face in ((heading, large), (notice, plain)))
    heights = [max(cell.height for cell in row) + _GAP_PX for row in rows]
    edges_px = _block_px(above, large) + _block_px(below, plain)
    sheet = Image.new("RGB", (width, edges_px + sum(heights) + _GAP_PX), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP_PX, _GAP_PX), above, large, BRIGHT)
    top = _GAP_PX + _block_px(above, large)
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            _paint(sheet, draw, cell, (_GAP_PX + column * (side + _GAP_PX), top), side, height - _GAP_PX)
        top += height
    _write(draw, (_GAP_PX, top), below, plain, FAINT)
    return sheet


def wrap(text: str, face: Face, width: float) -> list[str]:
    """Break text into lines of at most `width` pixels; words longer than a line are cut."""
    lines: list[str] = []
    for paragraph in text[:_MAX_CHARS].splitlines():
        line = ""
        for word in _pieces(paragraph.split(), face, width):
            longer = f"{line} {word}" if line else word
            if line and face.width(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def _pieces(words: Sequence[str], face: Face, width: float) -> Iterator[str]:
    for word in words:
        rest = word
        while len(rest) > 1 and face.width(rest) > width:
            fits = max(1, _fitting(rest, face, width))
            yield rest[:fits]
            rest = rest[fits:]
        yield rest


@cache
def _face(side: int, scale: float = 1.0) -> Face:
    """Open DejaVu Sans, which has the letters of every European report, without importing the library that ships it."""
    size = max(11, side // 17) * scale
    shipped = find_spec("matplotlib")
    folder = Path(shipped.origin or "").parent if shipped else Path()
    try:
        return Face(ImageFont.truetype(str(folder / _DEJAVU), size), round(size * _LINE_HEIGHT))
    except OSError:
        return Face(ImageFont.load_default(size), round(size * _LINE_HEIGHT))


def _text_face(tile: Tile, side: int) -> Face:
    return _face(side, 1.0 if tile.image is not None else _LARGER)


def _block_px(lines: Sequence[str], face: Face) -> int:
    """Height of a block of lines with the gap that follows it; nothing for no lines."""
    return len(lines) * face.line_px + _GAP_PX if lines else 0


def _measured(tile: Tile, side: int) -> _Cell:
    """Break a tile's text into the lines that there is room for."""
    face, width = _text_face(tile, side), side - 2 * _INSET_PX
    lines = wrap(tile.text, face, width)
    title_px = _face(side).line_px + _GAP_PX // 3 if tile.title else 0
    room = _MAX_LINES if tile.image is not None else (side - title_px) // face.line_px + _MAX_LINES // 2
    if len(lines) > room:
        lines = [*lines[: room - 1], _shortened(" ".join(lines[room - 1 : room + 1]), face, width)]
    words_px = title_px + len(lines) * face.line_px + 2 * _INSET_PX
    return _Cell(tile, lines, words_px + side if tile.image is not None else max(side, words_px))


def _paint(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, cell: _Cell, place: tuple[int, int], side: int, height: int
) -> None:
    """Paint one cell with its upper left corner at `place`."""
    left, top = place
    tile, plain = cell.tile, _face(side)
    draw.rounded_rectangle((left, top, left + side - 1, top + height - 1), 5, fill=PANEL)
    below = top + _INSET_PX
    if tile.image is not None:
        picture = _picture(tile.image, side - 2 * _FRAME_PX)
        sheet.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))
        below = top + side
    if tile.frame:
        draw.rounded_rectangle((left, top, left + side - 1, top + height - 1), 5, outline=tile.frame, width=_FRAME_PX)
    if tile.title:
        room = side - 2 * _INSET_PX - (plain.width(tile.badge) + 12 if tile.image is None else 0)
        _write(draw, (left + _INSET_PX, below), [_shortened(tile.title, plain, room)], plain, BRIGHT)
        below += plain.line_px + _GAP_PX // 3
    _write(draw, (left + _INSET_PX, below), cell.lines, _text_face(tile, side), SOFT)
    if tile.badge:
        _stamp(draw, tile.badge, (left + side - _INSET_PX, top + _INSET_PX), side)


def _picture(image: Image.Image | bytes | NDArray[np.uint8], side: int) -> Image.Image:
    """Open what was given and fit it into a square."""
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
    picture = (image if isinstance(image, Image.Image) else Image.fromarray(image)).convert("RGB")
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _shortened(text: str, face: Face, width: float) -> str:
    line = " ".join(text[:_MAX_CHARS].split())
    if face.width(line) <= width:
        return line
    return line[: _fitting(line, face, width - face.width("…"))] + "…"


def _fitting(text: str, face: Face, width: float) -> int:
    """Return how many characters of one line are at most so wide."""
    return max(bisect_right(range(len(text) + 1), width, key=lambda count: face.width(text[:count])) - 1, 0)


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], lines: Sequence[str], face: Face, colour: str) -> None:
    """Write lines one below the other."""
    for number, line in enumerate(lines):
        draw.text((place[0], place[1] + number * face.line_px), line, font=face.font, fill=colour)


def _stamp(draw: ImageDraw.ImageDraw, badge: str, corner: tuple[int, int], side: int) -> None:
    """Write a badge on a dark plate whose upper right corner is given."""
    face, (right, top) = _face(side), corner
    plate = (right - round(face.width(badge)) - 8, top, right, top + face.line_px + 2)
    draw.rounded_rectangle(plate, 4, fill=BACKGROUND)
    draw.text((plate[0] + 4, top + 1), badge, font=face.font, fill=BRIGHT)
