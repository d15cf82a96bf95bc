"""Ratings as arrays: readers x cases x sources, NaN where nobody rated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.rating.record import Rated

Floats = NDArray[np.float64]
SIGNABLE = 2
"""From which level on a reader would sign after minor edits at most."""
HARMFUL = 2
"""From which level on harm is moderate or severe."""


class Outcome(NamedTuple):
    """What sources are compared by."""

    name: str
    title: str
    better: str
    """Which values are better: "high" or "low"; "" where none are."""
    of: Callable[[Rated], float]
    is_share: bool = False
    is_primary: bool = True
    """Whether it counts among the comparisons whose p-values are corrected."""


def _scale(name: str) -> Callable[[Rated], float]:
    return lambda one: float(one.told[name])


def _signable(one: Rated) -> float:
    return float(one.told["sign"] >= SIGNABLE)


def _harmful(one: Rated) -> float:
    return float(one.told["harm"] >= HARMFUL)


OUTCOMES: tuple[Outcome, ...] = (
    Outcome("correctness", "Correctness, 1 to 5", "high", _scale("correctness")),
    Outcome("completeness", "Completeness, 1 to 5", "high", _scale("completeness")),
    Outcome("harm", "Harm, 0 to 3", "low", _scale("harm")),
    Outcome("signable", "Would sign after minor edits at most", "high", _signable, is_share=True),
    Outcome("sign", "Would sign, 0 to 3", "high", _scale("sign"), is_primary=False),
    Outcome("harmful", "Moderate or severe harm", "low", _harmful, is_share=True, is_primary=False),
)


@dataclass(frozen=True)
class Ratings:
    """The first ratings of R readers on C cases of S sources; repetitions stand apart.

    Attributes:
        rated: all ratings.
        readers, cases, sources: what the axes stand for.
        pause_seconds: a longer silence leaves a rating out of the analysis of time.
    """

    rated: Sequence[Rated]
    readers: tuple[str, ...]
    cases: tuple[int, ...]
    sources: tuple[str, ...]
    pause_seconds: float

    @classmethod
    def of(cls, rated: Sequence[Rated], pause_seconds: float) -> Ratings:
        """Take the axes from what was rated.

        Raises:
            DataError: nothing was rated.
        """
        if not rated:
            raise DataError("reader study: expected ratings, found none; wait for the first reader")
        readers = tuple(dict.fromkeys(one.reader for one in rated))
        cases, sources = (tuple(sorted({getattr(one, name) for one in rated})) for name in ("case", "source"))
        return cls(rated, readers, cases, sources, pause_seconds)

    @property
    def patients(self) -> NDArray[np.int64]:
        """Numbers of the cases' patients, [C]; a case without a patient is its own."""
        owner = {one.case: one.patient_id or f"case {one.case}" for one in self.rated}
        return np.unique([owner[case] for case in self.cases], return_inverse=True)[1]

    def values(self, of: Callable[[Rated], float], repeated: bool = False) -> Floats:
        """Return one value per rating, [R, C, S]."""
        found = np.full((len(self.readers), len(self.cases), len(self.sources)), np.nan)
        for one in self.rated:
            if one.repeated == repeated:
                place = self.readers.index(one.reader), self.cases.index(one.case), self.sources.index(one.source)
                found[place] = of(one)
        return found

    def seconds(self) -> Floats:
        """Return the time of each rating, [R, C, S]; NaN after a long silence or where a session broke off."""
        return self.values(lambda one: one.seconds if self.is_timed(one) else np.nan)

    def is_timed(self, one: Rated) -> bool:
        """Tell whether a rating's time can be trusted."""
        return one.silent_seconds <= self.pause_seconds and one.views <= 1
