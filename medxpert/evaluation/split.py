"""Retrieval between the images and reports of one split, by every contender: pure functions on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evaluation.result import (
    Measured,
    SplitResult,
    abnormal_scope,
    described,
    gain_place,
    is_labelled,
    named_intervals,
    place,
)
from medxpert.evaluation.subject import PIXEL, Subject
from medxpert.metrics.labels import LabelRetrieval, label_retrieval
from medxpert.metrics.retrieval import compare, pair, rank_pairs, select, summarise
from medxpert.metrics.statistics import bootstrap

_LABEL_CUTOFFS = (5, 10)


def evaluate_split(subject: Subject, seed: int = 0) -> SplitResult:
    """Measure retrieval by every contender on the same queries: all studies, and the abnormal ones.

    The gallery is the whole split in both cases.

    Args:
        subject: a split whose texts are reports.
        seed: of the bootstrap draws.

    Raises:
        DataError: counts or widths differ, there is no study, or an embedding is not finite.
    """
    cases = subject.cases
    ranked = {name: rank_pairs(pair(*rows, cases.texts)) for name, rows in subject.vectors.items()}
    labelled = {
        name: label_retrieval(*rows, cases.labels, cases.labels, _LABEL_CUTOFFS)
        for name, rows in subject.vectors.items()
        if is_labelled(cases)
    }
    measured: Measured = {("cases", subject.split): described(cases)}
    for scope, studies in _scopes(subject.split, cases).items():
        patients = np.array(cases.patient_ids)[studies]
        selected = {name: select(one, studies) for name, one in ranked.items()}
        for name, one in selected.items():
            figures = summarise(one, patients, seed=seed)
            if name in labelled:
                _add_labels(figures, labelled[name], studies, patients, seed)
            measured[place(name, scope)] = figures
        for other in (subject.starting, PIXEL):
            if other in selected:
                gains = compare(selected[subject.main], selected[other], patients, seed=seed)
                measured[gain_place(subject.main, other, scope)] = gains
    return SplitResult(subject, ranked, measured)


def _scopes(split: str, cases: Cases) -> dict[str, NDArray[np.bool_]]:
    scopes = {split: np.ones(len(cases), bool)}
    return scopes | {abnormal_scope(split): cases.abnormal} if cases.abnormal.any() else scopes


def _add_labels(
    figures: dict[str, Any], found: LabelRetrieval, studies: NDArray[np.bool_], patients: NDArray, seed: int
) -> None:
    """Add how far the retrieved reports share the query's observations, beside the three relevances."""
    names = list(found.values)
    values = np.stack([found.values[name][studies] for name in names], axis=1)
    chance = np.stack([found.chance[name][studies] for name in names], axis=1)
    kept = np.flatnonzero(np.isfinite(values).any(axis=0)).tolist()
    if kept:
        names, intervals = [names[place] for place in kept], bootstrap(values[:, kept], patients, seed=seed)
        figures["image_to_text"]["label"] = named_intervals(names, intervals)
        means = np.nanmean(chance[:, kept], axis=0).tolist()
        figures["chance"]["image_to_text"]["label"] = dict(zip(names, means, strict=True))
