"""What the assistant makes of pictures that it should refuse, built beside the studies of a split."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.abstention.abstainer import Abstainer
from medxpert.cases import Cases
from medxpert.evaluation.reports.written import Outsiders
from medxpert.evaluation.subject import Subject
from medxpert.models.inference import open_encoder
from medxpert.outsiders.families import FAMILIES
from medxpert.run import Run

PER_FAMILY = 60
"""Pictures of each family; each must be encoded."""
_SEED = 1
"""Another one than fitting draws its outsiders with."""


def outsiders_of(run: Run, subject: Subject, abstainer: Abstainer) -> Outsiders | None:
    """Score the studies of a split by their thumbnails, and outsiders of every family.

    None where abstention was fitted on too few studies, or where a study has no thumbnail.
    """
    if abstainer.bounds is None or not all(subject.cases.thumbnails(range(len(subject.cases)))):
        return None
    encoder = open_encoder(run.model)
    chosen = np.unique(np.linspace(0, len(subject.cases) - 1, PER_FAMILY).round().astype(int)).tolist()
    films = _films(subject.cases, chosen, encoder.image_side)
    scores = {}
    for family in FAMILIES:
        pictures = family.of(films, _SEED)
        scores[family.name] = abstainer.scores(pictures, encoder.encode_images(pictures))
    return Outsiders(
        scores,
        frozenset(family.name for family in FAMILIES if family.fitted),
        _inside(subject, abstainer),
        abstainer.bounds.refused,
    )


def _inside(subject: Subject, abstainer: Abstainer, at_a_time: int = 256) -> NDArray[np.float64]:
    vectors = np.asarray(subject.vectors[subject.main].image, np.float64)
    starts = range(0, len(vectors), at_a_time)
    parts = [list(range(start, min(start + at_a_time, len(vectors)))) for start in starts]
    return np.concatenate([abstainer.scores(_films(subject.cases, part), vectors[part]) for part in parts])


def _films(cases: Cases, rows: list[int], side: int | None = None) -> NDArray[np.uint8]:
    """Decode thumbnails to [N, side, side], as they are where no side is given."""
    pictures = [Image.open(io.BytesIO(one)).convert("L") for one in cases.thumbnails(rows)]
    size = (side, side) if side else pictures[0].size
    return np.stack([np.asarray(one if one.size == size else one.resize(size)) for one in pictures])
