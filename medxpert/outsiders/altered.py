"""Films of the right kind that were spoiled: turned, inverted, shuffled, or cut down to a corner."""

from __future__ import annotations

import numpy as np
from PIL import Image

from medxpert.outsiders.film import Pixels

_TILES = 4
"""A shuffled film is cut into 4 x 4 tiles."""


def rotated_90(generator: np.random.Generator, film: Pixels) -> Pixels:
    """Turn a film [S, S] by a quarter, one way or the other."""
    return np.rot90(film, generator.choice((1, 3))).copy()


def rotated_180(generator: np.random.Generator, film: Pixels) -> Pixels:
    """Turn a film [S, S] upside down."""
    return np.rot90(film, 2).copy()


def inverted(generator: np.random.Generator, film: Pixels) -> Pixels:
    """Make bone dark on a film [S, S]."""
    return 255 - film


def shuffled(generator: np.random.Generator, film: Pixels) -> Pixels:
    """Put the tiles of a film [S, S] in another order."""
    edge = len(film) // _TILES
    rest = len(film) - edge * _TILES
    tiles = film[: edge * _TILES, : edge * _TILES].reshape(_TILES, edge, _TILES, edge).swapaxes(1, 2)
    mixed = generator.permutation(tiles.reshape(_TILES**2, edge, edge)).reshape(_TILES, _TILES, edge, edge)
    return np.pad(mixed.swapaxes(1, 2).reshape(edge * _TILES, edge * _TILES), (0, rest), mode="edge")


def cropped(generator: np.random.Generator, film: Pixels) -> Pixels:
    """Enlarge a part of a film [S, S], a quarter to two fifths of its edge, to the whole picture."""
    side = len(film)
    edge = max(2, int(side * generator.uniform(0.25, 0.4)))
    top, left = generator.integers(0, side - edge + 1, 2)
    part = Image.fromarray(film[top : top + edge, left : left + edge])
    return np.asarray(part.resize((side, side), Image.Resampling.BICUBIC))
