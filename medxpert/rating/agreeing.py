"""How well the readers of a study agree, with each other and with themselves."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.raters import Correlation, intraclass, weighted_kappa
from medxpert.rating.ratings import Floats, Ratings
from medxpert.rating.record import Rated
from medxpert.rating.scales import Scale, scales

FEWEST = 0.5
"""Share of the reports that a reader must have rated to count in the intraclass correlation."""


class Pair(NamedTuple):
    """Two readers on one scale."""

    first: str
    second: str
    linear: dict[str, float]
    """Weighted kappa: value, low, high."""
    quadratic: dict[str, float]
    exact: float
    """Share of equal ratings."""
    num_reports: int


class Agreement(NamedTuple):
    """One scale.

    Attributes:
        pairs: of readers.
        mean_linear, mean_quadratic: over the pairs where kappa is defined; NaN where there is none.
        correlation: of all readers but those left out, on the reports that all of them rated.
        left_out: readers who rated fewer than `FEWEST` of the reports.
        repeats: every reader with themselves, on the repeated reports; first and second are the same name.
    """

    scale: str
    pairs: tuple[Pair, ...]
    mean_linear: float
    mean_quadratic: float
    correlation: Correlation
    left_out: tuple[str, ...]
    repeats: tuple[Pair, ...]


def agreements(ratings: Ratings) -> list[Agreement]:
    """Return the agreement on every scale; reports that a reader of a pair did not rate do not count for the pair."""
    return [_agreement(ratings, scale) for scale in scales()]


def _agreement(ratings: Ratings, scale: Scale) -> Agreement:
    def value(one: Rated) -> float:
        return float(one.told[scale.name])

    first, again = ratings.values(value), ratings.values(value, repeated=True)
    flat, repeated = (table.reshape(len(ratings.readers), -1) for table in (first, again))
    owners = np.repeat(ratings.patients, len(ratings.sources))
    pairs = [
        _pair(ratings.readers[one], ratings.readers[other], flat[one], flat[other], scale, owners)
        for one, other in combinations(range(len(flat)), 2)
    ]
    repeats = [
        _pair(name, name, flat[place], repeated[place], scale, owners) for place, name in enumerate(ratings.readers)
    ]
    shares = (~np.isnan(flat)).mean(axis=1)
    kept = shares >= FEWEST
    left_out = tuple(name for name, stays in zip(ratings.readers, kept, strict=True) if not stays)
    return Agreement(
        scale.name,
        tuple(pairs),
        _mean([one.linear["value"] for one in pairs]),
        _mean([one.quadratic["value"] for one in pairs]),
        intraclass(flat[kept].T),
        left_out,
        tuple(one for one in repeats if one.num_reports),
    )


def _pair(first: str, second: str, one: Floats, other: Floats, scale: Scale, owners: NDArray[np.int64]) -> Pair:
    both = ~(np.isnan(one) | np.isnan(other))
    exact = float((one[both] == other[both]).mean()) if both.any() else float("nan")
    linear, quadratic = (
        weighted_kappa(one, other, scale.values, weights, owners).named()[0] for weights in ("linear", "quadratic")
    )
    return Pair(first, second, linear, quadratic, exact, int(both.sum()))


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
