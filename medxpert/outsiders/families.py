"""Families of pictures that a chest model must refuse; half of them never help to fit what refuses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medxpert.errors import DataError
from medxpert.outsiders.altered import cropped, inverted, rotated_90, rotated_180, shuffled
from medxpert.outsiders.film import Pixels
from medxpert.outsiders.head import skull
from medxpert.outsiders.limbs import hand, leg
from medxpert.outsiders.pictures import blank, noise, photograph, text_page
from medxpert.outsiders.slices import ct_slice
from medxpert.outsiders.trunk import lateral_chest, pelvis

Builder = Callable[[np.random.Generator, Pixels], Pixels]
"""From a generator and a film [S, S] of the right kind to an outsider [S, S], both uint8."""


@dataclass(frozen=True)
class Family:
    """One kind of outsider.

    Attributes:
        name: a word for tables.
        fitted: whether it may be used in fitting; the others only judge.
        build: makes one of a film, or of the film's size alone.
    """

    name: str
    fitted: bool
    build: Builder

    def of(self, films: Pixels, seed: int = 0) -> Pixels:
        """Build one outsider per film, uint8 [N, S, S]; the same films and seed give the same outsiders.

        Raises:
            DataError: the films are not uint8 [N, S, S] of at least 16 pixels per side.
        """
        if films.ndim != 3 or films.shape[1] != films.shape[2] or films.shape[1] < 16 or films.dtype != np.uint8:
            raise DataError(
                f"expected films uint8 [N, S, S] with S >= 16, found {films.dtype} {list(films.shape)}; "
                "give grey squares"
            )
        key = [seed, *self.name.encode()]
        built = [self.build(np.random.default_rng([*key, row]), film) for row, film in enumerate(films)]
        return np.stack(built) if built else films.copy()


def _sized(draw: Callable[[np.random.Generator, int], Pixels]) -> Builder:
    """Make a builder of what needs only a size."""
    return lambda generator, film: draw(generator, len(film))


FAMILIES: tuple[Family, ...] = (
    Family("blank", True, _sized(blank)),
    Family("noise", False, _sized(noise)),
    Family("text_page", True, _sized(text_page)),
    Family("photograph", False, _sized(photograph)),
    Family("hand", True, _sized(hand)),
    Family("leg", False, _sized(leg)),
    Family("ct_slice", True, _sized(ct_slice)),
    Family("skull", False, _sized(skull)),
    Family("pelvis", False, _sized(pelvis)),
    Family("lateral_chest", False, _sized(lateral_chest)),
    Family("rotated_90", True, rotated_90),
    Family("rotated_180", False, rotated_180),
    Family("inverted", True, inverted),
    Family("shuffled", True, shuffled),
    Family("cropped", False, cropped),
)
"""Seven to fit with, eight that only judge."""
