"""Retrieval between the images and reports of one split, by every contender: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evaluation.result import (
    ADAPTED,
    ORACLE,
    PIXEL,
    Measured,
    SplitResult,
    Vectors,
    abnormal_scope,
    described,
    gain_place,
    is_labelled,
    named_intervals,
    place,
)
from medxpert.metrics.labels import LabelRetrieval, label_retrieval
from medxpert.metrics.retrieval import Ranked, compare, pair, rank_pairs, select, summarise
from medxpert.metrics.statistics import bootstrap
from medxpert.words import Stage

_LABEL_CUTOFFS = (5, 10)


def evaluate_split(
    split: str, cases: Cases, starting: Stage, vectors: Mapping[str, Vectors], seed: int = 0
) -> SplitResult:
    """Measure every contender on the same queries: all studies, and the abnormal ones against the whole gallery.

    Args:
        split: name to file the figures under.
        cases: its N studies.
        starting: key in `vectors` of the weights that training started from.
        vectors: contender -> its rows; "adapted" and `starting` at least.
        seed: of the bootstrap draws.

    Raises:
        DataError: counts or widths differ, there is no study, or an embedding is not finite.
    """
    ranked = {name: rank_pairs(pair(*rows, cases.texts)) for name, rows in vectors.items()}
    labelled = {
        name: label_retrieval(rows.image, rows.text, cases.labels, cases.labels, _LABEL_CUTOFFS)
        for name, rows in vectors.items()
        if is_labelled(cases) and name not in (PIXEL, ORACLE)
    }
    measured: Measured = {("cases", split): described(cases)}
    for scope, studies in _scopes(split, cases).items():
        patients = np.array(cases.patient_ids)[studies]
        selected = {name: select(one, studies) for name, one in ranked.items()}
        for name, one in selected.items():
            figures = summarise(one, patients, seed=seed)
            if name in labelled:
                _add_labels(figures, labelled[name], studies, patients, seed)
            measured[place(name, scope)] = figures
        measured |= _differences(selected, (starting, PIXEL), scope, patients, seed)
    return SplitResult(split, "report", cases, starting, vectors, ranked, measured)


def _scopes(split: str, cases: Cases) -> dict[str, NDArray[np.bool_]]:
    scopes = {split: np.ones(len(cases), bool)}
    return scopes | {abnormal_scope(split): cases.abnormal} if cases.abnormal.any() else scopes


def _differences(
    ranked: Mapping[str, Sequence[Ranked]], others: Sequence[str], scope: str, patients: NDArray, seed: int
) -> Measured:
    return {
        gain_place(other, scope): compare(ranked[ADAPTED], ranked[other], patients, seed=seed)
        for other in others
        if other in ranked
    }


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
