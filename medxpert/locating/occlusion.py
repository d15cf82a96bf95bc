"""Where a score comes from for any encoder: what the score loses when a part of the picture is greyed out.

Zeiler and Fergus, ECCV 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.models.layers import Floats
from medxpert.words import Encoder

_STEPS = 8


def losses(encoder: Encoder, pixels: NDArray[np.uint8], direction: Floats) -> Floats:
    """Return what the score of a picture [S, S] loses without each cell of a grid, [8, 8].

    A window of two cells' width, centred on the cell, is filled with the picture's mean grey. The score is the product
    of the row and the direction [D]. Encodes 65 pictures.
    """
    side = len(pixels)
    edges = np.linspace(0, side, _STEPS + 1)
    half = side / _STEPS / 2
    windows = [
        (
            slice(max(0, round(top - half)), round(top + 3 * half)),
            slice(max(0, round(left - half)), round(left + 3 * half)),
        )
        for top in edges[:-1]
        for left in edges[:-1]
    ]
    pictures = np.repeat(pixels[None], len(windows) + 1, axis=0)
    for picture, window in zip(pictures[1:], windows, strict=True):
        picture[window] = round(float(pixels.mean()))
    scores = encoder.encode_images(pictures) @ direction
    return np.asarray((scores[0] - scores[1:]).reshape(_STEPS, _STEPS), np.float32)
