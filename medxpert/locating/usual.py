"""What the films of a run usually hold at each place: what a film is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, load
from medxpert.locating.trace import Layers
from medxpert.locating.tracing import trace
from medxpert.models.architecture import Convolutional
from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.run import Run

MOST_FILMS, MOST_FOR_TRANSFORMERS = 48, 16
"""With 128 the peaks hit as often. A pass of a transformer costs some ten times as much, and the first map waits."""
_BATCH = 16
_SPLIT = "train"


def usual_values(encoder: ExportedEncoder, films: NDArray[np.uint8]) -> Layers:
    """Return the median over films [N, S, S] of what the tower holds at each place, per layer [h, w, K].

    The median, because what is rare must not be part of what is usual.
    """
    batches = [trace(encoder, films[at : at + _BATCH]).values for at in range(0, len(films), _BATCH)]
    return tuple(np.median(np.concatenate(layer), axis=0).astype(np.float32) for layer in zip(*batches, strict=True))


def usual_of_run(run: Run, encoder: ExportedEncoder, most: int | None = None) -> Layers | None:
    """Take them from the thumbnails of training studies, evenly spread; None where the run keeps none.

    Costs a pass of the encoder for each of at most `most` films; None for as many as suit the tower.
    """
    if _SPLIT not in run.splits():
        return None
    if most is None:
        most = MOST_FILMS if isinstance(encoder.architecture.image, Convolutional) else MOST_FOR_TRANSFORMERS
    films = _films(run.embeddings(_SPLIT).cases, encoder.image_side, most)
    return usual_values(encoder, np.stack(films)) if films else None


def _films(cases: Cases, side: int, most: int) -> list[NDArray[np.uint8]]:
    rows = np.unique(np.linspace(0, len(cases) - 1, min(most, len(cases))).astype(int))
    films = []
    for data in cases.thumbnails(int(row) for row in rows):
        try:
            films.append(load(ImageBytes(data), side))
        except ImageError:
            continue
    return films
