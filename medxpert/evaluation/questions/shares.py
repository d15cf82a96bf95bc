"""Weighted shares of right answers, and calibration errors, with intervals over patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.probabilities import BINS, bin_numbers
from medxpert.metrics.statistics import resample

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Cell = dict[str, float]


def ratios(above: Floats, below: Floats, patients: Numbers, seed: int) -> list[Cell]:
    """Return the M ratios of two sums over questions [Q, M] of patients [Q]; an empty cell where 0 is divided by 0."""
    sums = _by_patient(np.hstack([above, below]), patients)
    width = above.shape[1]

    def estimate(counts: Floats) -> Floats:
        found = counts @ sums
        with np.errstate(invalid="ignore"):
            return found[:, :width] / found[:, width:]

    return [_known(cell) for cell in resample(estimate, len(sums), seed=seed).named()]


def calibration_error(said: Floats, right: Floats, weights: Floats, patients: Numbers, seed: int) -> Cell:
    """Return the expected calibration error of confidences [Q], each answer with its weight.

    The mean, by weight, over 15 bins of equal mass of the distance between mean confidence and share of right answers;
    bins stay as they are in every draw (as `metrics.probabilities.believed`; Naeini et al., AAAI 2015).
    """
    table = np.zeros((len(said), BINS + 1))
    table[np.arange(len(said)), bin_numbers(said, np.isfinite(said))] = weights * (said - right)
    table[:, BINS] = weights
    sums = _by_patient(table, patients)

    def estimate(counts: Floats) -> Floats:
        found = counts @ sums
        with np.errstate(invalid="ignore"):
            return np.abs(found[:, :BINS]).sum(axis=1, keepdims=True) / found[:, BINS:]

    return _known(resample(estimate, len(sums), seed=seed).named()[0])


def _by_patient(values: Floats, patients: Numbers) -> Floats:
    """Sum values [Q, M] over the questions of each patient, [P, M]; patients without any are left out."""
    numbers = np.unique(patients, return_inverse=True)[1]
    sums = np.zeros((int(numbers.max()) + 1, values.shape[1]))
    np.add.at(sums, numbers, values)
    return sums


def _known(cell: Cell) -> Cell:
    return cell if np.isfinite(list(cell.values())).all() else {}
