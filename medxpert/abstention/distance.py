"""How far rows lie from a cloud of others: the Mahalanobis distance under a shrunk covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_FOLDS = 5
_LEAST_SHRINKAGE = 0.05
"""Validation studies come from where the training studies do: what never varies among them may vary elsewhere."""
_TINY = 1e-6


@dataclass(frozen=True)
class Cloud:
    """A Gaussian cloud in D dimensions.

    Attributes:
        mean: [D].
        whitening: [D, D]; the length of a whitened row is its distance.
    """

    mean: Floats
    whitening: Floats

    def distances(self, rows: Floats) -> Floats:
        """Return the distance of each row [N, D] from the mean, float64 [N]."""
        return np.linalg.norm((np.asarray(rows, np.float64) - self.mean) @ self.whitening.T, axis=1)

    def scaled(self, unit: float) -> Cloud:
        """Measure in another unit."""
        return Cloud(self.mean, self.whitening / unit)


def fit_cloud(rows: Floats) -> Cloud:
    """Fit mean and shrunk covariance of rows [N, D], N >= 2; fewer rows than dimensions are no harm."""
    rows = np.asarray(rows, np.float64)
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(shrunk_covariance(rows))
    return Cloud(mean, (vectors / np.sqrt(np.maximum(values, _TINY**2))).T)


def shrunk_covariance(rows: Floats) -> Floats:
    """Return the covariance of rows [N, D], drawn towards a ball by what few rows leave uncertain, float64 [D, D].

    It is drawn by at least 5 %, so that films from elsewhere are not refused for what validation hardly varies in.
    The oracle approximating shrinkage of Chen, Wiesel, Eldar and Hero, "Shrinkage algorithms for MMSE covariance
    estimation", IEEE Trans. Signal Processing 58 (2010), equation 23.
    """
    count, width = rows.shape
    centred = rows - rows.mean(axis=0)
    sample = centred.T @ centred / count
    trace, square = np.trace(sample), np.sum(sample**2)
    spread = (count + 1 - 2 / width) * (square - trace**2 / width)
    wanted = (1 - 2 / width) * square + trace**2
    shrinkage = 1.0 if spread <= 0 else min(1.0, max(_LEAST_SHRINKAGE, wanted / spread))
    ball: Floats = np.eye(width) * (trace / width)
    return (1 - shrinkage) * sample + shrinkage * ball


def held_out_distances(rows: Floats) -> Floats:
    """Return the distance of each row [N, D] from a cloud that was fitted without it, float64 [N]; N >= 10."""
    # neighbours in the table are often one patient's: contiguous folds keep them together
    folds = np.array_split(np.arange(len(rows)), _FOLDS)
    held = [fit_cloud(np.delete(rows, fold, axis=0)).distances(rows[fold]) for fold in folds]
    return np.concatenate(held)


def typical(distances: Floats) -> float:
    """Return the median of distances, or 1 where all rows are one point."""
    return max(float(np.median(distances)), _TINY)
