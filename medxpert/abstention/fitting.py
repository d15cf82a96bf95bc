"""Fits an abstainer on validation studies, with outsiders of some kinds to say where the room between them ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention.abstainer import LEAST, Abstainer, Bounds, check_pictures, root_mean_square
from medxpert.abstention.distance import Cloud, Floats, fit_cloud, held_out_distances, typical
from medxpert.abstention.thumbnail import contrasts, thumbnails
from medxpert.outsiders.families import FAMILIES

PER_FAMILY = 24
"""Outsiders of each family that are built for fitting: about 170 pictures to encode."""
_REFUSED = 0.02
"""Share of validation studies that lies above the bound before outsiders move it."""
_OUTSIDERS_BELOW = 0.05
"""Share of a family that may lie below where outsiders are said to begin."""
_MOST_ROOM = 1.5
"""How far outsiders may move the bound: kinds that nobody thought of may be nearer than those."""
_FAINTEST = 1 / 3
"""Contrast of a blank picture, relative to the faintest validation studies."""
_BLANK = 0.5
"""Deviation of grey levels below which any picture is blank."""


class Pictures(NamedTuple):
    """N pictures and what the model makes of them."""

    pixels: NDArray[np.uint8]
    """[N, S, S]"""
    vectors: Floats
    """Unit rows [N, D]."""


def build_outsiders(
    films: NDArray[np.uint8],
    encode: Callable[[NDArray[np.uint8]], Floats],
    per_family: int = PER_FAMILY,
    seed: int = 0,
) -> dict[str, Pictures]:
    """Build and encode outsiders of the families that may be used in fitting.

    Args:
        films: validation films uint8 [N, S, S], of which some are spoiled to make outsiders.
        encode: from pixels [B, S, S] to unit rows [B, D].
        per_family: how many of each, at most one per film.
        seed: chooses films and draws the pictures.

    Raises:
        DataError: the films are not grey squares of at least 16 pixels per side.
    """
    count = min(per_family, len(films))
    chosen = films[np.sort(np.random.default_rng(seed).choice(len(films), count, replace=False))]
    built = {family.name: family.of(chosen, seed) for family in FAMILIES if family.fitted}
    return {name: Pictures(pixels, encode(pixels)) for name, pixels in built.items()}


def fit(vectors: Floats, pixels: NDArray[np.uint8], outsiders: Mapping[str, Pictures] | None = None) -> Abstainer:
    """Fit on V validation studies; fewer than 20 give an abstainer that says so and refuses nothing.

    Distances are those from clouds fitted without the study itself. Their 98th percentile is the bound; outsiders
    move it half-way (in logarithms) towards the nearest of their families, by a factor of at most 1.5, so that films
    from elsewhere are not refused without need.

    Args:
        vectors: embeddings, unit rows [V, D].
        pixels: uint8 [V, S, S], in the same order.
        outsiders: by family, as `build_outsiders` makes them.

    Raises:
        DataError: shapes do not fit.
    """
    check_pictures(pixels, vectors)
    if len(vectors) < LEAST:
        return Abstainer(len(vectors))
    seen = thumbnails(pixels)
    embedding, by_embedding = _cloud(np.asarray(vectors, np.float64))
    film, by_film = _cloud(seen)
    bound = float(np.quantile(root_mean_square(by_embedding, by_film), 1 - _REFUSED))
    bounds = Bounds(
        refused=bound,
        foreign=bound,
        film=float(np.quantile(by_film, 1 - _REFUSED)),
        contrast=max(_FAINTEST * float(np.quantile(contrasts(pixels), _REFUSED)), _BLANK),
        usual=bound,
    )
    abstainer = Abstainer(len(vectors), embedding, film, bounds)
    begins = [
        np.quantile(abstainer.scores(*one), _OUTSIDERS_BELOW) for one in (outsiders or {}).values() if len(one[0])
    ]
    return replace(abstainer, bounds=_with_room(bounds, float(min(begins)) if begins else None))


def _cloud(rows: Floats) -> tuple[Cloud, Floats]:
    """Return a cloud and the rows' distances from clouds without them, both in units of the median."""
    held = held_out_distances(rows)
    unit = typical(held)
    return fit_cloud(rows).scaled(unit), held / unit


def _with_room(bounds: Bounds, begins: float | None) -> Bounds:
    """Move the bounds towards the score where outsiders begin; None where none were built."""
    if begins is None:
        return replace(bounds, foreign=_MOST_ROOM * bounds.refused)
    begins = max(begins, bounds.refused)
    room = min(float(np.sqrt(begins / bounds.refused)), _MOST_ROOM)
    return replace(bounds, refused=bounds.refused * room, foreign=begins, film=bounds.film * room)
