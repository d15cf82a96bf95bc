"""Radiographs with labels but no reports: zero-shot AUROC per observation, and how alike retrieved cases are.

Texts written from labels repeat, so that retrieving "the" text of a study means little; what an observation's pair of
prompts tells apart does not suffer from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evaluation.result import (
    ADAPTED,
    Measured,
    SplitResult,
    Vectors,
    described,
    gain_place,
    named_intervals,
)
from medxpert.metrics.labels import RELEVANT, auroc, jaccard, label_retrieval
from medxpert.metrics.statistics import bootstrap, number_patients, paired_difference, resample
from medxpert.ontology import NEGATIVE, OBSERVATIONS, POSITIVE
from medxpert.words import Stage

MIN_CASES = 5
"""Fewer positives, or fewer negatives, are too few for an AUROC."""
DIRECTION, RELEVANCE = "image_to_label", "label"
_CUTOFFS = (5, 10)


def evaluate_observations(
    split: str,
    cases: Cases,
    starting: Stage,
    vectors: Mapping[str, Vectors],
    prompts: Mapping[str, NDArray[np.floating]],
    seed: int = 0,
) -> SplitResult:
    """Measure the starting and the adapted weights on labels.

    Args:
        split: name to file the figures under.
        cases: its N studies.
        starting: key in `vectors` and `prompts` of the weights that training started from.
        vectors: stage -> its rows.
        prompts: stage -> rows [14, 2, D] of each observation's positive and negative prompt.
        seed: of the bootstrap draws.

    Raises:
        DataError: counts or widths differ, there is no study, or an embedding is not finite.
    """
    stages: tuple[str, str] = (starting, ADAPTED)
    scores = {stage: prompt_scores(vectors[stage].image, prompts[stage]) for stage in stages}
    found = {stage: label_retrieval(*vectors[stage], cases.labels, cases.labels, _CUTOFFS) for stage in stages}
    areas = _areas(scores, cases, seed)
    measured: Measured = {("cases", split): described(cases)}
    similar = {stage: _precisions(one.values) for stage, one in found.items()}
    for stage, values in similar.items():
        precision = named_intervals(list(values), bootstrap(_stacked(values), cases.patient_ids, seed=seed))
        measured[stage, split] = {
            DIRECTION: {RELEVANCE: areas[stage] | precision},
            "chance": {DIRECTION: {RELEVANCE: _chance(_precisions(found[stage].chance), areas[stage])}},
            "constant": {DIRECTION: {RELEVANCE: _constant(cases, values, areas[stage])}},
            "counts": observation_counts(cases),
        }
    after, before = (_stacked(similar[stage]) for stage in (ADAPTED, starting))
    change = paired_difference(after, before, cases.patient_ids, seed=seed)
    gain = areas["difference"] | named_intervals(list(similar[ADAPTED]), change)
    measured[gain_place(starting, split)] = {DIRECTION: {RELEVANCE: gain}}
    return SplitResult(split, "prompt", cases, starting, vectors, {}, measured)


def prompt_scores(image: NDArray[np.floating], prompts: NDArray[np.floating]) -> NDArray[np.float32]:
    """Score images [N, D] by the positive less the negative prompt of each observation, [N, 14]."""
    contrast = prompts[:, 0].astype(np.float32) - prompts[:, 1].astype(np.float32)
    return image.astype(np.float32) @ contrast.T


def observation_counts(cases: Cases) -> dict[str, dict[str, int]]:
    """Count the positive and negative studies of each observation."""
    return {
        name: {"positive": int((column == POSITIVE).sum()), "negative": int((column == NEGATIVE).sum())}
        for name, column in zip(OBSERVATIONS, cases.labels.T, strict=True)
    }


def _areas(scores: Mapping[str, NDArray[np.float32]], cases: Cases, seed: int) -> dict[str, dict[str, Any]]:
    """Estimate AUROC per observation and on average, per stage and as "difference", all over the same draws."""
    (starting, start), (adapted, after) = scores.items()
    known = np.isfinite(auroc(start, cases.labels, MIN_CASES))
    if not known.any():
        return {starting: {}, adapted: {}, "difference": {}}
    names = [f"auroc/{name}" for name, keep in zip(OBSERVATIONS, known, strict=True) if keep]
    both, labels = np.hstack([start[:, known], after[:, known]]), np.tile(cases.labels[:, known], 2)
    patient_of = number_patients(cases.patient_ids, len(cases))

    def estimate(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([drawn(count[patient_of].astype(int)) for count in counts])

    def drawn(times: NDArray[np.int64]) -> NDArray[np.float64]:
        rows = np.repeat(np.arange(len(times)), times)
        before, now = np.split(auroc(both[rows], labels[rows], 1), 2)
        areas = np.stack([before, now, now - before])
        return np.hstack([areas, _mean_of_known(areas)]).ravel()

    cells = resample(estimate, int(patient_of.max()) + 1, seed=seed).named()
    width = len(names) + 1
    return {
        key: dict(zip([*names, "auroc_mean"], cells[start : start + width], strict=True))
        for key, start in zip((starting, adapted, "difference"), (0, width, 2 * width), strict=True)
    }


def _mean_of_known(areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average rows [S, C] over their defined entries, [S, 1]; a draw may leave an observation without positives."""
    known = np.isfinite(areas)
    with np.errstate(invalid="ignore"):
        return np.where(known, areas, 0).sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)


def _precisions(values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    return {name: column for name, column in values.items() if name.startswith("label_precision")}


def _stacked(values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.stack(list(values.values()), axis=1)


def _chance(precisions: Mapping[str, NDArray[np.float64]], areas: Mapping[str, Any]) -> dict[str, float]:
    return dict.fromkeys(areas, 0.5) | {name: float(np.nanmean(column)) for name, column in precisions.items()}


def _constant(cases: Cases, precisions: Mapping[str, Any], areas: Mapping[str, Any]) -> dict[str, float]:
    """Measure an answer that is always the split's commonest set of labels."""
    patterns, copies = np.unique(cases.labels, axis=0, return_counts=True)
    alike = jaccard(cases.labels, patterns[[copies.argmax()]])[:, 0] >= RELEVANT
    answerable = (jaccard(cases.labels, patterns) >= RELEVANT).any(axis=1)
    return dict.fromkeys(areas, 0.5) | dict.fromkeys(precisions, float(alike[answerable].mean()))
