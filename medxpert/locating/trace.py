"""What an image tower held at each place of a picture, and how each of these values moves a score."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from medxpert.models.layers import Floats

Layers = tuple[Floats, ...]


class Trace(NamedTuple):
    """One pass of B pictures through an image tower.

    A score is the product of a unit row and a direction [D]. Over the last layer it is a sum of values times slopes,
    plus what is the same for every picture (a transformer: what no place brought); over earlier ones it is so to
    first order.
    """

    values: Layers
    """Per layer [B, h, w, K]."""
    slopes: Callable[[Floats], Layers]
    """Directions [B, D] -> per layer the derivative [B, h, w, K] of the score before the row is scaled to length 1."""
    lengths: Floats
    """[B], of the rows before they are scaled to length 1."""


def row_lengths(rows: Floats) -> Floats:
    """Return the lengths [B] of rows [B, D]."""
    return np.asarray(np.linalg.norm(rows, axis=1), np.float32)
