"""Fits what turns an embedding into probabilities: the probe on training studies, slopes and bounds on validation.

The labels are those of the reports, as a hospital has them. A generator's truth is never looked at: it only judges.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from medxpert.calibration.reports import read_reports
from medxpert.cases import Cases
from medxpert.evidence.calibrated import (
    CASES,
    SEVERITIES,
    SIDES,
    Calibration,
    Floats,
    Platt,
    Readout,
)
from medxpert.evidence.votes import NEIGHBOURS, explicit, vote
from medxpert.indexes.writing import side_rows
from medxpert.metrics.scores import top_k
from medxpert.ontology import NEGATIVE, OBSERVATIONS, POSITIVE
from medxpert.run import Embeddings, Run

MOST_STUDIES = 50_000
"""Training studies that the probe and the readouts are fitted on; more do not change 14 lines through D dimensions."""
LEAST = 8
"""Studies of each kind without which nothing is fitted."""
_PROBE_STRENGTH, _READOUT_STRENGTH = 0.01, 0.1
_RIGHT_SIDE, _RIGHT_SEVERITY = 0.93, 0.75
"""How often a side or a severity must agree with the validation reports to be stated."""
_BOUNDS = np.arange(0.4, 0.96, 0.05)


class Fitted(NamedTuple):
    """A calibration and what it was fitted on."""

    calibration: Calibration
    facts: dict[str, Any]


def calibrate(run: Run, prompts: NDArray[np.floating], seed: int = 0) -> Fitted:
    """Fit everything from the embeddings of training and validation.

    An observation with fewer than 8 studies of each kind is left alone: nothing is said of it.

    Args:
        run: with embeddings of train and val.
        prompts: [14, 2, D], as `embedding.embed_prompts` returns them.
        seed: chooses training studies where there are more than 50,000.
    """
    train, val = run.embeddings("train"), run.embeddings("val")
    rows = _some(len(train.image), seed)
    seen, known = np.asarray(train.image[rows], np.float64), explicit(train.cases.labels)
    mean, scale = seen.mean(axis=0), seen.std(axis=0)
    scale[scale == 0] = 1
    standard = (seen - mean) / scale
    target = explicit(val.cases.labels)
    contrast = np.asarray(prompts[:, 0], np.float64) - np.asarray(prompts[:, 1], np.float64)
    probe = _probe(standard, known[rows])
    unfitted = np.full(len(OBSERVATIONS), np.nan)
    told = [read_reports([texts[row] for row in chosen]) for texts, chosen in _texts(train.cases, rows, val.cases)]
    looked = (np.asarray(val.image, np.float64) - mean) / scale
    start = Calibration(
        mean=mean,
        scale=scale,
        probe=probe,
        prompts=contrast,
        sources={},
        weights={},
        bias=unfitted,
        sides=_readout(standard, looked, [one.sides for one in told], len(SIDES), _RIGHT_SIDE),
        severities=_readout(standard, looked, [one.severities for one in told], len(SEVERITIES), _RIGHT_SEVERITY),
    )
    raw = start.raw(val.image) | {CASES: neighbour_votes(val.image, train, known)}
    fitted = _stacked(start, raw, target)
    return Fitted(fitted, _facts(train, val, target))


def neighbour_votes(vectors: NDArray[np.floating], train: Embeddings, labels: NDArray[np.int8]) -> Floats:
    """Let the nearest training cases of embeddings [N, D] vote, [N, 14]."""
    near = top_k(np.asarray(vectors, np.float32), side_rows(train, "both"), NEIGHBOURS)
    return vote(labels[near.rows], near.scores)


def _some(count: int, seed: int) -> NDArray[np.int64]:
    if count <= MOST_STUDIES:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST_STUDIES, replace=False))


def _texts(train: Cases, rows: NDArray[np.int64], val: Cases) -> list[tuple[Sequence[str], Sequence[int]]]:
    return [(train.texts, rows.tolist()), (val.texts, range(len(val)))]


def _probe(standard: Floats, labels: NDArray[np.int8]) -> Floats:
    """Fit one logistic regression per observation, [D + 1, 14]."""
    weights = np.full((standard.shape[1] + 1, len(OBSERVATIONS)), np.nan)
    for place, column in enumerate(labels.T):
        if _enough(column):
            known = _known(column)
            model = _regression(standard[known], column[known], _PROBE_STRENGTH)
            weights[:, place] = [*model.coef_[0], model.intercept_[0]]
    return weights


def _stacked(start: Calibration, raw: Mapping[str, Floats], target: NDArray[np.int8]) -> Calibration:
    """Fit slope and bias of each source, then the weights of their log-odds."""
    names, shape = list(raw), len(OBSERVATIONS)
    platts = {name: Platt(*np.full((2, shape), np.nan)) for name in names}
    weights, bias = {name: np.full(shape, np.nan) for name in names}, np.full(shape, np.nan)
    for place, column in enumerate(target.T):
        usable = _known(column) & np.isfinite([raw[name][:, place] for name in names]).all(axis=0)
        if not _enough(column[usable]):
            continue
        odds = []
        for name in names:
            scores = raw[name][usable, place]
            slope, intercept = _line(scores[:, None], column[usable])
            platts[name].slope[place], platts[name].bias[place] = slope[0], intercept
            odds.append(slope[0] * scores + intercept)
        together, bias[place] = _line(np.stack(odds, axis=1), column[usable])
        for name, weight in zip(names, together, strict=True):
            weights[name][place] = weight
    return replace(start, sources=platts, weights=weights, bias=bias)


def _line(scores: Floats, column: NDArray[np.int8]) -> tuple[Floats, float]:
    """Fit log-odds = slope . scores + bias, [M] and one number; the penalty sees scores of mean 0 and deviation 1."""
    mean, scale = scores.mean(axis=0), scores.std(axis=0)
    scale[scale == 0] = 1
    model = _regression((scores - mean) / scale, column, 1.0)
    slope = model.coef_[0] / scale
    return slope, float(model.intercept_[0] - slope @ mean)


def _readout(
    standard: Floats, looked: Floats, said: Sequence[NDArray[np.int8]], num_classes: int, right: float
) -> Readout:
    """Fit one multinomial regression per observation on training studies, and its bound on validation."""
    told, checked = said
    shape = len(OBSERVATIONS)
    weights, bias = np.zeros((shape, standard.shape[1], num_classes)), np.full((shape, num_classes), -np.inf)
    bound = np.full(shape, np.nan)
    for place in range(shape):
        column = told[:, place]
        counts = np.bincount(column[column >= 0], minlength=num_classes)
        usable = np.isin(column, np.flatnonzero(counts >= LEAST))
        if len(np.unique(column[usable])) < 2:
            continue
        model = _regression(standard[usable], column[usable], _READOUT_STRENGTH)
        _spread(model, weights[place], bias[place])
        asked = checked[:, place] >= 0
        bound[place] = _bound(looked[asked] @ weights[place] + bias[place], checked[asked, place], right)
    return Readout(weights, bias, bound)


def _spread(model: LogisticRegression, weights: Floats, bias: Floats) -> None:
    """Write a model's classes into weights [D, 3] and bias [3]; a model of two classes has one line."""
    if len(model.classes_) == 2:
        weights[:, model.classes_[1]] = model.coef_[0]
        bias[model.classes_] = [0, model.intercept_[0]]
        return
    weights[:, model.classes_] = model.coef_.T
    bias[model.classes_] = model.intercept_


def _bound(logits: Floats, truth: NDArray[np.int8], right: float) -> float:
    """Return the least bound above which answers are right often enough; NaN where none is."""
    if len(truth) < LEAST:
        return float("nan")
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    sure, correct = odds.max(axis=1) / odds.sum(axis=1), logits.argmax(axis=1) == truth
    fitting = [one for one in _BOUNDS if (sure >= one).sum() >= LEAST and correct[sure >= one].mean() >= right]
    return float(fitting[0]) if fitting else float("nan")


def _regression(rows: Floats, column: NDArray[np.int8], strength: float) -> LogisticRegression:
    with warnings.catch_warnings():
        # where 200 steps do not converge, stopping early is one more penalty
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, tol=1e-3, max_iter=200).fit(rows, column)


def _known(column: NDArray[np.int8]) -> NDArray[np.bool_]:
    return (column == POSITIVE) | (column == NEGATIVE)


def _enough(column: NDArray[np.int8]) -> bool:
    return min((column == POSITIVE).sum(), (column == NEGATIVE).sum()) >= LEAST


def _facts(train: Embeddings, val: Embeddings, target: NDArray[np.int8]) -> dict[str, Any]:
    return {
        "version": 1,
        "neighbours": NEIGHBOURS,
        "studies": {"train": len(train.cases), "val": len(val.cases)},
        "positive": {
            name: int((column == POSITIVE).sum()) for name, column in zip(OBSERVATIONS, target.T, strict=True)
        },
    }
