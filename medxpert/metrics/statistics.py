"""Percentile bootstrap over patients (Efron 1979; the patient is the unit that is drawn, with all its queries).

The draws depend on the patients and the seed alone, so that whatever is measured on the same queries is paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxpert.errors import DataError

DRAWS = 1000
LEVEL = 0.95
_BLOCK_BYTES = 2**20

Estimator = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Maps how often each patient was drawn, [b, P], to M estimates per draw, [b, M]."""


class Intervals(NamedTuple):
    """M estimates on all patients, and the percentile interval of each; float64 [M]."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def named(self) -> list[dict[str, float]]:
        """Return the M intervals as JSON values."""
        return [dict(zip(self._fields, map(float, row), strict=True)) for row in zip(*self, strict=True)]


def bootstrap(
    values: NDArray[np.floating],
    patients: ArrayLike,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Intervals:
    """Estimate the means of values [Q, M] (or [Q]) of queries that belong to patients [Q].

    NaN marks a query that a column leaves out.

    Raises:
        DataError: there is no query, or not one patient per query.
    """
    numbers = number_patients(patients, len(values))
    order = np.argsort(numbers, kind="stable")
    table = _columns(values)[order]
    num_columns, counted = table.shape[1], ~np.isnan(table)
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    sums = np.add.reduceat(np.hstack([np.where(counted, table, 0), counted]), starts)

    def means(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        totals = counts @ sums
        with np.errstate(invalid="ignore"):
            return totals[:, :num_columns] / totals[:, num_columns:]

    return resample(means, len(sums), draws, seed, level)


def bootstrap_median(
    values: NDArray[np.floating],
    patients: ArrayLike,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Intervals:
    """Estimate the medians of values [Q, M] (or [Q]) of queries that belong to patients [Q].

    NaN marks a query that a column leaves out.

    Raises:
        DataError: there is no query, or not one patient per query.
    """
    numbers = number_patients(patients, len(values))
    columns = _columns(values).T
    orders = [np.argsort(column, kind="stable")[: np.count_nonzero(~np.isnan(column))] for column in columns]

    def medians(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        pairs = zip(columns, orders, strict=True)
        return np.stack(
            [_weighted_medians(column[order], counts[:, numbers[order]]) for column, order in pairs], axis=1
        )

    return resample(medians, int(numbers.max()) + 1, draws, seed, level)


def paired_difference(
    values: NDArray[np.floating],
    reference: NDArray[np.floating],
    patients: ArrayLike,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Intervals:
    """Estimate mean(values) - mean(reference), both [Q, M] (or [Q]) on the same queries of patients [Q].

    Raises:
        DataError: the shapes differ, there is no query, or not one patient per query.
    """
    if values.shape != reference.shape:
        raise DataError(f"a paired difference needs the same queries, found {values.shape} and {reference.shape}")
    return bootstrap(values - reference, patients, draws=draws, seed=seed, level=level)


def _columns(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.reshape(values, (len(values), -1)).astype(np.float64)


def _weighted_medians(ascending: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each row of weights [b, Q] over values [Q]; NaN where a row is all zero."""
    reached = np.cumsum(weights, axis=1)
    half = reached[:, -1:] / 2
    lower, upper = np.count_nonzero(reached < half, axis=1), np.count_nonzero(reached <= half, axis=1)
    ended = np.append(ascending, np.nan)
    return (ended[lower] + ended[upper]) / 2


def number_patients(patients: ArrayLike, num_queries: int) -> NDArray[np.int64]:
    """Turn patient ids [Q] into numbers from 0 to P - 1.

    Raises:
        DataError: there is no query, or not one patient per query.
    """
    numbers = np.unique(patients, return_inverse=True)[1]
    if num_queries == 0:
        raise DataError("a bootstrap needs at least one query, found 0")
    if len(numbers) != num_queries:
        raise DataError(f"expected one patient per query, found {len(numbers)} for {num_queries} queries")
    return numbers


def resample(
    estimate: Estimator, num_patients: int, draws: int = DRAWS, seed: int = 0, level: float = LEVEL
) -> Intervals:
    """Apply an estimator to all P patients and to draws of P patients with replacement.

    An estimate that is undefined (NaN) in some draws takes its interval from the others.
    """
    value = estimate(np.ones((1, num_patients)))[0]
    drawn = np.concatenate([estimate(counts) for counts in _counts(num_patients, draws, seed)])
    bounds = np.full((2, len(value)), np.nan)
    known, tail = ~np.isnan(value), (1 - level) / 2
    if known.any():
        bounds[:, known] = np.nanquantile(drawn[:, known], [tail, 1 - tail], axis=0)
    return Intervals(value, *bounds)


def _counts(num_patients: int, draws: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each patient was drawn, [b, P], until there are `draws` rows."""
    generator = np.random.default_rng(seed)
    size = max(1, _BLOCK_BYTES // (8 * num_patients))
    for start in range(0, draws, size):
        num_rows = min(size, draws - start)
        picked = generator.integers(num_patients, size=(num_rows, num_patients))
        picked += num_patients * np.arange(num_rows)[:, None]
        counts = np.bincount(picked.ravel(), minlength=num_rows * num_patients)
        yield counts.reshape(num_rows, num_patients).astype(np.float64)
