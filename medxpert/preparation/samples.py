"""A sheet of studies as they were stored: a glance tells whether pictures and texts belong together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from medxpert.drawing import Tile, contact_sheet
from medxpert.folders import atomic_file
from medxpert.preparation.facts import SplitTables
from medxpert.report import NOTICE
from medxpert.words import Policy

SAMPLES = "samples.png"
_PER_SPLIT, _COLUMNS, _TILE_PX = 4, 4, 200


def write_samples(path: Path, splits: Mapping[str, SplitTables], policy: Policy) -> None:
    """Draw four studies of each split, evenly spaced.

    Raises:
        ConfigError: the file cannot be written.
    """
    tiles = [tile for split, tables in splits.items() for tile in _tiles(split, tables)]
    sheet = contact_sheet(tiles, _COLUMNS, _TILE_PX, "As stored", f"{NOTICE} Policy: {policy}.")
    with atomic_file(path) as sibling:
        sheet.save(sibling)


def _tiles(split: str, tables: SplitTables) -> list[Tile]:
    cases = tables.cases
    rows = np.unique(np.linspace(0, len(cases) - 1, _PER_SPLIT).round().astype(int)).tolist()
    pictures = cases.thumbnails(rows)
    views = cases.column("view")
    return [
        Tile(picture, f"{split} {cases.study_ids[row]}", cases.texts[row], badge=views[row])
        for row, picture in zip(rows, pictures, strict=True)
    ]
