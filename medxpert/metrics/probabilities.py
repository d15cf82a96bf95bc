"""How far probabilities can be believed: calibration error, Brier skill, and risk over coverage.

Every figure is made of sums over studies, so that a bootstrap over patients only re-weighs the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.ontology import NEGATIVE, POSITIVE

BINS = 15

Floats = NDArray[np.float64]


class Believed(NamedTuple):
    """How far the probabilities of C observations can be believed, in b draws."""

    ece: Floats
    """[b, C]; NaN where nobody said a probability."""
    skill: Floats
    """[b, C]; NaN where all studies are of one kind."""
    pooled: Floats
    """[b], of all observations together."""


class Curve(NamedTuple):
    """Risk over coverage, the most confident studies first; [N] each."""

    coverage: Floats
    risk: Floats


def class_wise_ece(probabilities: Floats, labels: NDArray[np.int8], bins: int = BINS) -> Floats:
    """Return the expected calibration error of each of C observations over all studies, [C]. Args as `believed`."""
    return _of_all(probabilities, labels, bins).ece[0]


def brier_skill(probabilities: Floats, labels: NDArray[np.int8]) -> Floats:
    """Return the Brier skill of each of C observations over all studies, [C]. Args as `believed`."""
    return _of_all(probabilities, labels, BINS).skill[0]


def believed(
    probabilities: Floats, labels: NDArray[np.int8], patients: NDArray[np.int64], bins: int = BINS
) -> Callable[[Floats], Believed]:
    """Return the function from patients' weights [b, P] to calibration error and Brier skill.

    Class-wise expected calibration error (Kull et al., NeurIPS 2019): the mean over bins, by their size, of the
    distance between mean probability and share of positives. Bins are of equal mass; equal probabilities share one;
    they stay as they are in every draw. Skill is 1 - Brier score / that of always saying the prevalence (Brier, 1950);
    pooled, both scores are first summed over observations, each with its own prevalence.

    Args:
        probabilities: [N, C]; NaN where nobody said one.
        labels: [N, C]; only 1 and 0 count.
        patients: [N] numbers from 0.
        bins: as many as there are.
    """
    usable = np.isfinite(probabilities) & ((labels == POSITIVE) | (labels == NEGATIVE))
    gaps = np.where(usable, probabilities - labels, 0.0)
    places = np.stack([bin_numbers(*column, bins) for column in zip(probabilities.T, usable.T, strict=True)], axis=1)
    width, shape = labels.shape[1], (int(patients.max()) + 1, labels.shape[1])
    table = np.zeros((*shape, bins))
    np.add.at(table, (patients[:, None], np.arange(width), places), gaps)
    count, positive, error = (_summed(one, patients, shape) for one in (usable, usable & (labels == POSITIVE), gaps**2))

    def estimate(counts: Floats) -> Believed:
        distance = np.abs(counts @ table.reshape(len(table), -1)).reshape(len(counts), width, bins).sum(axis=2)
        total, share, squares = counts @ count, counts @ positive, counts @ error
        with np.errstate(invalid="ignore", divide="ignore"):
            reference = share - share**2 / total
            skill = 1 - squares / np.where(reference > 0, reference, np.nan)
            return Believed(distance / total, skill, 1 - squares.sum(axis=1) / np.nansum(reference, axis=1))

    return estimate


def bin_numbers(probabilities: Floats, usable: NDArray[np.bool_], bins: int = BINS) -> NDArray[np.int64]:
    """Return the equal-mass bin of each of N probabilities, [N]; equal ones share one, those not usable get 0."""
    found = np.zeros(len(probabilities), np.int64)
    chosen = probabilities[usable]
    size, more = divmod(len(chosen), bins)
    starts = np.arange(bins) * size + np.minimum(np.arange(bins), more)
    found[usable] = np.searchsorted(starts, np.searchsorted(np.sort(chosen), chosen), side="right") - 1
    return found


def risk_coverage(confidence: Floats, wrong: Floats, stated: Floats) -> Curve:
    """Return the risk when only the most confident studies are answered (El-Yaniv & Wiener, JMLR 2010).

    Args:
        confidence: [N] of each study; equals are answered together, NaN last.
        wrong: [N] wrong statements of each.
        stated: [N] statements of each; risk is the share of wrong ones so far, 0 where nothing was stated yet.
    """
    found = _curves(confidence, wrong, stated, np.arange(len(confidence)))(np.ones((1, len(confidence))))
    return Curve(found.coverage[0], found.risk[0])


def risks(
    confidence: Floats, wrong: Floats, stated: Floats, patients: NDArray[np.int64], levels: Sequence[float]
) -> Callable[[Floats], Floats]:
    """Return the function from patients' weights [b, P] to the area under the curve and the risk at each coverage.

    The area is the mean over studies of the risk at their coverage (AURC; Geifman et al., ICLR 2019). The risk at a
    level is that of the fewest studies that reach it. Args as for `risk_coverage`; the result is [b, 1 + levels].
    """
    curves = _curves(confidence, wrong, stated, patients)

    def estimate(counts: Floats) -> Floats:
        found = curves(counts)
        with np.errstate(invalid="ignore"):
            area = (found.weights * found.risk).sum(axis=1) / found.weights.sum(axis=1)
        reached = [(found.coverage >= level - 1e-12).argmax(axis=1) for level in levels]
        return np.stack([area, *(found.risk[np.arange(len(counts)), place] for place in reached)], axis=1)

    return estimate


class _Curves(NamedTuple):
    """[b, N] each, in order of confidence."""

    coverage: Floats
    risk: Floats
    weights: Floats


def _curves(
    confidence: Floats, wrong: Floats, stated: Floats, patients: NDArray[np.int64]
) -> Callable[[Floats], _Curves]:
    doubt = np.where(np.isnan(confidence), np.inf, -confidence)
    order = np.argsort(doubt, kind="stable")
    last = np.searchsorted(doubt[order], doubt[order], side="right") - 1

    def curves(counts: Floats) -> _Curves:
        weights = counts[:, patients[order]]
        reached, errors, total = (
            np.cumsum(one, axis=1)[:, last] for one in (weights, weights * wrong[order], weights * stated[order])
        )
        risk = np.divide(errors, total, out=np.zeros_like(errors), where=total > 0)
        return _Curves(reached / reached[:, -1:], risk, weights)

    return curves


def _summed(values: NDArray, patients: NDArray[np.int64], shape: tuple[int, int]) -> Floats:
    """Sum values [N, C] over the studies of each patient, [P, C]."""
    table = np.zeros(shape)
    np.add.at(table, patients, values)
    return table


def _of_all(probabilities: Floats, labels: NDArray[np.int8], bins: int) -> Believed:
    return believed(probabilities, labels, np.arange(len(labels)), bins)(np.ones((1, len(labels))))
