"""How sources differ: means and medians of each, and paired differences of any two."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.correction import holm
from medxpert.metrics.paired import p_values
from medxpert.metrics.statistics import DRAWS, LEVEL, bootstrap, bootstrap_median
from medxpert.rating.ratings import OUTCOMES, Floats, Ratings

SECONDS = "seconds"
"""Names the time beside the outcomes."""
_SEED = 0
_FLIPS = 10000
"""Of a test: Holm's correction multiplies the smallest p that these can give."""


class Summary(NamedTuple):
    """One source by one outcome."""

    outcome: str
    source: str
    mean: dict[str, float]
    """Over cases, each averaged over its readers: value, low, high."""
    median: dict[str, float]
    """Of single ratings, likewise."""
    num_ratings: int
    num_cases: int
    num_readers: int


class Difference(NamedTuple):
    """Two sources by one outcome, on the same cases by the same readers: first minus second."""

    outcome: str
    first: str
    second: str
    difference: dict[str, float]
    """Over cases, each averaged over the readers who rated both: value, low, high over patients."""
    readers_too: dict[str, float]
    """Its interval over patients and readers, low and high; {} for a single reader."""
    p: float
    p_holm: float | None
    """None for outcomes that are not corrected."""
    num_cases: int
    num_readers: int


def summaries(ratings: Ratings, draws: int = DRAWS) -> list[Summary]:
    """Describe every source by every outcome, and by the time it took ("seconds")."""
    return [
        _summary(name, source, table[:, :, place], ratings.patients, draws)
        for name, table in _tables(ratings)
        for place, source in enumerate(ratings.sources)
    ]


def _tables(ratings: Ratings) -> list[tuple[str, Floats]]:
    return [*((one.name, ratings.values(one.of)) for one in OUTCOMES), (SECONDS, ratings.seconds())]


def _summary(name: str, source: str, table: Floats, patients: NDArray[np.int64], draws: int) -> Summary:
    """Describe ratings [R, C] of one source."""
    known = ~np.isnan(table)
    by_case = mean_of(table, 0)
    mean = bootstrap(by_case, patients, draws=draws, seed=_SEED).named()[0]
    owners = np.broadcast_to(patients, table.shape)
    single = (
        bootstrap_median(table[known], owners[known], draws=draws, seed=_SEED).named()[0]
        if known.any()
        else dict.fromkeys(("value", "low", "high"), float("nan"))
    )
    return Summary(
        name, source, mean, single, int(known.sum()), int(known.any(axis=0).sum()), int(known.any(axis=1).sum())
    )


def differences(ratings: Ratings, draws: int = DRAWS) -> list[Difference]:
    """Compare every two sources by every outcome and by time; p-values by flipping the signs of whole patients.

    Holm's correction is over all pairs of sources and all primary outcomes together.
    """
    found = []
    for name, table in _tables(ratings):
        for one, other in combinations(range(len(ratings.sources)), 2):
            pair = ratings.sources[one], ratings.sources[other]
            found.append(_difference(name, *pair, table[:, :, one] - table[:, :, other], ratings.patients, draws))
    primary = {one.name for one in OUTCOMES if one.is_primary}
    places = [place for place, one in enumerate(found) if one.outcome in primary and not np.isnan(one.p)]
    for place, value in zip(places, holm(np.array([found[place].p for place in places])), strict=True):
        found[place] = found[place]._replace(p_holm=float(value))
    return found


def _difference(
    outcome: str, first: str, second: str, table: Floats, patients: NDArray[np.int64], draws: int
) -> Difference:
    """Compare by paired differences [R, C]."""
    known = ~np.isnan(table)
    by_case = mean_of(table, 0)
    estimate = bootstrap(by_case, patients, draws=draws, seed=_SEED).named()[0]
    p = float(p_values(by_case[:, None], patients, draws=_FLIPS, seed=_SEED)[0]) if known.any() else float("nan")
    num_readers = int(known.any(axis=1).sum())
    both = _over_readers(table, patients, draws) if num_readers > 1 else {}
    return Difference(outcome, first, second, estimate, both, p, None, int(known.any(axis=0).sum()), num_readers)


def _over_readers(table: Floats, patients: NDArray[np.int64], draws: int) -> dict[str, float]:
    """Draw patients and readers, both with replacement (pigeonhole bootstrap: Owen, Annals of Applied Statistics 2007).

    Args:
        table: differences [R, C].
        patients: [C].
        draws: of the bootstrap.
    """
    generator = np.random.default_rng(_SEED)
    num_readers, num_patients = len(table), int(patients.max()) + 1
    readers = generator.multinomial(num_readers, np.full(num_readers, 1 / num_readers), size=draws)
    owners = generator.multinomial(num_patients, np.full(num_patients, 1 / num_patients), size=draws)
    cases, known = owners[:, patients], ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        # as for the estimate beside it, a case is the mean of its readers, however many rated it
        by_case = (readers @ np.where(known, table, 0)) / (readers @ known.astype(np.int64))
        rated = ~np.isnan(by_case)
        drawn = (np.where(rated, by_case, 0) * cases).sum(axis=1) / (rated * cases).sum(axis=1)
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"low": float(low), "high": float(high)}


def mean_of(table: Floats, axis: int) -> Floats:
    """Return means over what is known; NaN where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(table, axis=axis))


def plain(value: Any) -> Any:
    """Return JSON values of named results; null for what is not known."""
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {name: plain(child) for name, child in value.items()}
    if isinstance(value, tuple | list):
        return [plain(child) for child in value]
    return None if isinstance(value, float) and np.isnan(value) else value
