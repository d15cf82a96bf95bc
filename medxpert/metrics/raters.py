"""How well readers agree who rate the same reports: weighted kappa of two, intraclass correlation of all."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxpert.errors import DataError
from medxpert.metrics.statistics import DRAWS, LEVEL, Intervals, number_patients, resample

Weights = Literal["linear", "quadratic"]
_POWER: dict[str, int] = {"linear": 1, "quadratic": 2}
_ROUNDING = 1e-12
"""Share of the variance below which a mean square is no more than rounding."""

Floats = NDArray[np.float64]


class Correlation(NamedTuple):
    """Intraclass correlations of N targets that k readers rated, with intervals of 95 %; NaN where undefined."""

    single: float
    """ICC(2,1): of one reader's rating."""
    single_low: float
    single_high: float
    average: float
    """ICC(2,k): of the mean over the k readers."""
    average_low: float
    average_high: float
    num_targets: int
    num_readers: int


def weighted_kappa(
    first: ArrayLike,
    second: ArrayLike,
    levels: ArrayLike,
    weights: Weights = "quadratic",
    patients: ArrayLike | None = None,
    draws: int = DRAWS,
) -> Intervals:
    """Estimate how far two readers agree beyond chance on an ordinal scale, with a bootstrap over patients.

    kappa = 1 - sum(w * observed) / sum(w * expected), with w the distance of two levels by their places on the scale,
    as it is or squared (Cohen, Psychological Bulletin 1968). Items that one of them did not rate (NaN) are left out.

    Args:
        first: ratings [Q].
        second: of the same items [Q].
        levels: all levels of the scale, in order.
        weights: linear or quadratic.
        patients: [Q] whose the items are; None where each is its own.
        draws: of the bootstrap.

    Returns:
        One estimate; NaN where both gave the same single level to all, or rated nothing in common.

    Raises:
        DataError: the ratings are not of the same items, or no levels of the scale.
    """
    one, other, scale = (np.asarray(values, np.float64) for values in (first, second, levels))
    if one.shape != other.shape or one.ndim != 1:
        raise DataError(f"kappa needs two ratings of the same items, found {list(one.shape)} and {list(other.shape)}")
    both = ~(np.isnan(one) | np.isnan(other))
    if not both.any():
        return Intervals(*(np.full(1, np.nan) for _ in Intervals._fields))
    owners = np.arange(len(one)) if patients is None else np.asarray(patients)
    numbers = number_patients(owners[both], int(both.sum()))
    places = _places(one[both], scale) * len(scale) + _places(other[both], scale)
    table = np.zeros((int(numbers.max()) + 1, len(scale) ** 2))
    np.add.at(table, (numbers, places), 1)
    distance = np.abs(np.subtract.outer(np.arange(len(scale)), np.arange(len(scale)))) ** _POWER[weights]
    return resample(lambda counts: _kappa(counts @ table, distance)[:, None], len(table), draws, level=LEVEL)


def _places(ratings: Floats, scale: Floats) -> NDArray[np.int64]:
    strange = sorted(set(ratings) - set(scale))
    if strange:
        raise DataError(f"kappa: expected levels of the scale {scale.tolist()}, found {strange}")
    return np.searchsorted(scale, ratings)


def _kappa(joint: Floats, distance: NDArray[np.int64]) -> Floats:
    """Return kappa of flattened tables [b, L * L], [b]."""
    tables = joint.reshape(-1, *distance.shape)
    expected = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
    total = tables.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (tables * distance).sum(axis=(1, 2)) * total / (expected * distance).sum(axis=(1, 2))


def intraclass(ratings: Floats, level: float = LEVEL) -> Correlation:
    """Estimate how much of the variance between ratings [N, k] lies between targets, readers drawn at random.

    Two-way random effects, absolute agreement: cases 2,1 and 2,k of Shrout & Fleiss (Psychological Bulletin 1979), with
    their intervals from the F distribution. Targets that a reader did not rate (NaN) are left out.

    Without a residual the intervals are the limit of those formulas, of n - 1 and k - 1 degrees of freedom. Where
    readers do not differ either, or targets do not, there is nothing to estimate an interval from: its ends are NaN.

    Args:
        ratings: [N, k].
        level: of the intervals.
    """
    # only the inverse of the F distribution: the whole of scipy.stats takes a second to load
    from scipy.special import fdtri

    whole = ratings[~np.isnan(ratings).any(axis=1)]
    n, k = whole.shape
    if n < 2 or k < 2:
        return _undefined(n, k)
    between, readers, error = _mean_squares(whole)
    spread = between + (k - 1) * error + k * (readers - error) / n
    if np.isclose(spread, 0):
        return _undefined(n, k)
    single = float((between - error) / spread)
    tail = 1 - (1 - level) / 2
    freedom = _freedom(single, readers, error, n, k)
    above, below = fdtri(n - 1, freedom, tail), fdtri(freedom, n - 1, tail)
    noise = k * readers + (k * n - k - n) * error
    low = float(n * (between - above * error) / (above * noise + n * between))
    high = float(n * (below * between - error) / (noise + n * below * between))
    average, average_low, average_high = (_averaged(one, k) for one in (single, low, high))
    return Correlation(single, low, high, average, average_low, average_high, n, k)


def _undefined(n: int, k: int) -> Correlation:
    return Correlation(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, n, k)


def _mean_squares(whole: Floats) -> tuple[float, float, float]:
    """Return the mean squares between targets, between readers and of what is left, of ratings [N, k].

    What is no more than rounding is 0: of readers who agree in all, the ratio of two roundings would be anything.
    """
    n, k = whole.shape
    mean = whole.mean()
    targets, readers = whole.mean(axis=1, keepdims=True), whole.mean(axis=0, keepdims=True)
    left = whole - targets - readers + mean
    found = (
        float(k * ((targets - mean) ** 2).sum() / (n - 1)),
        float(n * ((readers - mean) ** 2).sum() / (k - 1)),
        float((left**2).sum() / ((n - 1) * (k - 1))),
    )
    between, among, error = (one if one > _ROUNDING * sum(found) else 0.0 for one in found)
    return between, among, error


def _freedom(single: float, readers: float, error: float, n: int, k: int) -> float:
    """Return Satterthwaite's degrees of freedom of the denominator; NaN where it has no variance.

    By mean squares (McGraw & Wong, Psychological Methods 1996), not by their ratio as Shrout & Fleiss give them: these
    are the same numbers, and there are some without a residual, too.
    """
    among, rest = k * single * readers, (n * (1 + (k - 1) * single) - k * single) * error
    below = (n - 1) * among**2 + rest**2
    return (k - 1) * (n - 1) * (among + rest) ** 2 / below if below > 0 else float("nan")


def _averaged(single: float, k: int) -> float:
    """Step up one reader's correlation to that of the mean over k (Spearman-Brown)."""
    below = 1 + (k - 1) * single
    return k * single / below if below > 0 else float("nan")
