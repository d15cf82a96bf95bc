"""What a linear classifier reads from frozen embeddings, beside one that reads pixels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from medxpert.evaluation.baselines import thumbnail_projection
from medxpert.evaluation.parts.classification import area_blocks, measure_areas
from medxpert.evaluation.parts.reference import reference_labels
from medxpert.evaluation.subject import PIXEL, Part, Subject
from medxpert.metrics.areas import auroc
from medxpert.metrics.statistics import number_patients
from medxpert.ontology import MISSING, NEGATIVE, POSITIVE

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties C, the strongest penalty first."""
FOLDS = 5
PIXELS = "pixel: PCA-64 of thumbnails"
_HELD_OUT = 4
"""One in so many patients tells which C is best."""


class Probe(NamedTuple):
    """One logistic regression per observation, on standardised columns.

    Without the intercept, and on the scale of the studies it was fitted on: scores of probes that saw different
    patients can then be ranked together. An intercept says how common a finding is among the others, which is the less
    common the more the fold left out has of it, and pushes an AUROC over all folds below chance.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    """[D, 14]; zero where all known studies are of one kind."""

    def __call__(self, rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Score embeddings [N, D], [N, 14]: mean 0 and deviation 1 over the training studies."""
        return np.asarray((np.asarray(rows, np.float32) - self.mean) / self.scale @ self.weights, np.float32)


def linear_probe(subject: Subject, seed: int = 0) -> Part | None:
    """Fit a probe on each contender's training images and measure it on the split.

    The reference is that of zero-shot classification. Pixels are the PCA-64 of thumbnails, fitted on the training
    studies. None without training studies or without labels.

    Raises:
        DataError: counts or widths differ, or an embedding is not finite.
    """
    if subject.train is None:
        return None
    train, vectors = subject.train, subject.train.vectors
    labels, known = reference_labels(subject.cases), reference_labels(train.cases)
    contenders = [name for name in (PIXEL, *subject.stages) if name in vectors and name in subject.vectors]
    if subject.main not in contenders or not all((table != MISSING).any() for table in (labels, known)):
        return None
    scores = {}
    for name in contenders:
        seen, asked = vectors[name].image, subject.vectors[name].image
        if name == PIXEL:
            project = thumbnail_projection(train.cases)
            seen, asked = project(train.cases), project(subject.cases)
        scores[name] = fit_probe(seen, known, train.cases.patient_ids, seed)(asked)
    compared = (subject.starting, subject.main) if subject.starting in contenders else None
    figures = measure_areas(scores, labels, subject.cases.patient_ids, compared, seed)
    told = PIXELS if PIXEL in contenders else ""
    blocks = area_blocks(figures, "linear probe", contenders, subject.main, told)
    return Part(("probe", subject.split), figures, tuple(blocks))


def fit_probe(rows: NDArray[np.floating], labels: NDArray[np.int8], patients: Sequence[str], seed: int = 0) -> Probe:
    """Fit on embeddings [N, D] and labels [N, 14], of which only 1 and 0 count.

    C is the one with the best mean AUROC on a quarter of the patients that the others were fitted without.
    """
    seen = np.asarray(rows, np.float32)
    held = deal(patients, _HELD_OUT, seed) == 0
    strength = STRENGTHS[0]
    if held.any() and not held.all():
        areas = [_mean_area(_fit(seen[~held], labels[~held], one)(seen[held]), labels[held]) for one in STRENGTHS]
        strength = STRENGTHS[int(np.argmax(areas))]
    return _fit(seen, labels, strength)


def out_of_fold(
    rows: NDArray[np.floating], labels: NDArray[np.int8], patients: Sequence[str], seed: int = 0
) -> NDArray[np.float32]:
    """Score every study by a probe that was fitted on the patients of the other four folds, [N, 14]."""
    folds = deal(patients, FOLDS, seed)
    scores = np.zeros((len(rows), labels.shape[1]), np.float32)
    for fold in np.unique(folds):
        mine = folds == fold
        others = [patient for patient, here in zip(patients, mine, strict=True) if not here]
        if others:
            scores[mine] = fit_probe(rows[~mine], labels[~mine], others, seed)(rows[mine])
    return scores


def deal(patients: Sequence[str], num_folds: int, seed: int) -> NDArray[np.int64]:
    """Deal the patients of N studies to folds of equally many patients, [N]."""
    numbers = number_patients(patients, len(patients))
    return (np.random.default_rng(seed).permutation(int(numbers.max()) + 1) % num_folds)[numbers]


def _fit(rows: NDArray[np.float32], labels: NDArray[np.int8], strength: float) -> Probe:
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(spread > 0, spread, 1).astype(np.float32)
    standard = (rows - mean) / scale
    weights = np.zeros((rows.shape[1], labels.shape[1]), np.float32)
    for column, label in enumerate(labels.T):
        known = (label == POSITIVE) | (label == NEGATIVE)
        if standard.size and len(np.unique(label[known])) == 2:
            model = LogisticRegression(C=strength, tol=1e-3)
            with warnings.catch_warnings():
                # Where the default of 100 steps does not converge, stopping early is one more penalty.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(standard[known], label[known])
            weights[:, column] = model.coef_[0]
    deviation = (standard @ weights).std(axis=0)
    weights /= np.where(deviation > 0, deviation, 1)
    return Probe(mean, scale, weights)


def _mean_area(scores: NDArray[np.float32], labels: NDArray[np.int8]) -> float:
    """Average AUROC over the observations that have both kinds of studies; 0 without any."""
    areas = auroc(scores, labels, 1)
    return float(areas[np.isfinite(areas)].mean()) if np.isfinite(areas).any() else 0.0
