"""What a training of a captioner leaves for people to look at: a table of captions and a sheet of pictures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.drawing import Tile, contact_sheet
from medxpert.folders import atomic_file
from medxpert.report import NOTICE

_COLUMNS, _TILE_PX = 4, 300


def write_lines(path: Path, names: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Write a CSV table in UTF-8."""
    with atomic_file(path) as sibling, sibling.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        rows.writerows(lines)


def draw(path: Path, images: Sequence[NDArray[np.uint8]], captions: Sequence[str], texts: Sequence[str]) -> None:
    """Draw images [S, S] with their captions and their own reports as PNG."""
    tiles = [
        tile
        for image, caption, text in zip(images, captions, texts, strict=True)
        for tile in (Tile(image, "Caption", caption or "Nothing readable."), Tile(None, "Its report", text))
    ]
    sheet = contact_sheet(tiles, _COLUMNS, _TILE_PX, "Captions of validation images", NOTICE)
    with atomic_file(path) as sibling:
        sheet.save(sibling, format="PNG")
