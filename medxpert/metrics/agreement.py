"""How well statements agree with the truth: F1 over observations, false and left out assertions, sides, severities.

Every figure is a ratio of sums over studies, so that a bootstrap over patients only re-weighs the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, PATHOLOGIES, POSITIVE, UNCERTAIN

FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The competition tasks of CheXpert (Irvin et al., AAAI 2019)."""
NAMES = (
    "f1",
    "f1_macro",
    "f1_five",
    "f1_five_macro",
    "false",
    "omitted",
    "unasserted",
    "hedged_wrongly",
    "named",
    "asserted",
    "side",
    "side_stated",
    "severity",
    "severity_stated",
)
"""What `agreement` estimates, in its order.

f1 over all observations' statements, f1_macro the mean over observations that occur; false: share of assertions that
are not true; omitted: share of what is there that a report neither asserts nor hedges; unasserted: share that it does
not assert; hedged_wrongly: share of hedges about what is not there; named, asserted: observations that a report of an
abnormal study names at all, and that it asserts; side: share of the sides it states of what is there that are right;
side_stated: share of the known sides that it states; severity likewise. No Finding counts in the F1 alone.
"""

_FIVE = [OBSERVATIONS.index(name) for name in FIVE]
_FINDINGS = [place for place, name in enumerate(OBSERVATIONS) if name != NO_FINDING]
_PATHOLOGIES = [OBSERVATIONS.index(name) for name in PATHOLOGIES]

Floats = NDArray[np.float64]


class Said(NamedTuple):
    """What N reports say, or what is true of N studies."""

    labels: NDArray[np.int8]
    """[N, 14] in {1, 0, -1, MISSING}."""
    sides: NDArray[np.int8]
    """[N, 14] number of the side; -1 where none is said or known."""
    severities: NDArray[np.int8]
    """[N, 14] likewise."""


class _Sums(NamedTuple):
    """Sums over studies, [b, 14] or [b, 1]."""

    hit: Floats
    false: Floats
    missed: Floats
    rejected: Floats
    hedged: Floats
    idle: Floats
    named: Floats
    asserted: Floats
    abnormal: Floats
    side_right: Floats
    side_stated: Floats
    side_known: Floats
    severity_right: Floats
    severity_stated: Floats
    severity_known: Floats


def agreement(said: Said, truth: Said, patients: NDArray[np.int64]) -> Callable[[Floats], Floats]:
    """Return the function from patients' weights [b, P] to the figures of `NAMES`, [b, 14].

    Args:
        said: by N reports.
        truth: of the same studies; only labels 1 and 0 count.
        patients: [N] numbers from 0.
    """
    totals = _totals(said, truth, patients)
    return lambda counts: _figures(totals(counts))


def per_observation(said: Said, truth: Said) -> dict[str, Floats]:
    """Return f1, sensitivity and specificity of each observation over all studies, [14]; NaN where undefined."""
    sums = _totals(said, truth, np.arange(len(truth.labels)))(np.ones((1, len(truth.labels))))
    return {
        "f1": _f1(sums.hit, sums.false, sums.missed)[0],
        "sensitivity": _share(sums.hit, sums.hit + sums.missed)[0],
        "specificity": _share(sums.rejected, sums.rejected + sums.false)[0],
    }


def _totals(said: Said, truth: Said, patients: NDArray[np.int64]) -> Callable[[Floats], _Sums]:
    columns = _columns(said, truth)
    widths = np.cumsum([column.shape[1] for column in columns])[:-1]
    table = np.zeros((int(patients.max()) + 1, sum(column.shape[1] for column in columns)))
    np.add.at(table, patients, np.hstack(columns))
    return lambda counts: _Sums(*np.split(counts @ table, widths, axis=1))


def _columns(said: Said, truth: Said) -> _Sums:
    there, gone = truth.labels == POSITIVE, truth.labels == NEGATIVE
    asserted, hedged = said.labels == POSITIVE, said.labels == UNCERTAIN
    abnormal = there[:, _PATHOLOGIES].any(axis=1, keepdims=True)
    named = (asserted | hedged)[:, _FINDINGS].sum(axis=1, keepdims=True) * abnormal
    sides, severities = (_placed(asserted & there, *pair) for pair in _pairs(said, truth))
    columns = (
        asserted & there,
        asserted & gone,
        ~asserted & there,
        ~asserted & gone,
        hedged & there,
        hedged & gone,
        named,
        asserted[:, _FINDINGS].sum(axis=1, keepdims=True) * abnormal,
        abnormal,
        *sides,
        *severities,
    )
    return _Sums(*(np.asarray(column, np.float64) for column in columns))


def _pairs(said: Said, truth: Said) -> Sequence[tuple[NDArray[np.int8], NDArray[np.int8]]]:
    return ((said.sides, truth.sides), (said.severities, truth.severities))


def _placed(
    hit: NDArray[np.bool_], said: NDArray[np.int8], true: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count per study what is right, what is stated and what is known, each [N, 1]."""
    known = hit & (true >= 0)
    stated = known & (said >= 0)
    return tuple(one.sum(axis=1, keepdims=True) for one in (stated & (said == true), stated, known))


def _figures(sums: _Sums) -> Floats:
    hit, false, missed = (one[:, _FINDINGS].sum(axis=1) for one in (sums.hit, sums.false, sums.missed))
    hedged, idle = (one[:, _FINDINGS].sum(axis=1) for one in (sums.hedged, sums.idle))
    cases = sums.abnormal[:, 0]
    return np.stack(
        [
            *_micro_macro(sums, slice(None)),
            *_micro_macro(sums, _FIVE),
            _share(false, hit + false),
            _share(missed - hedged, hit + missed),
            _share(missed, hit + missed),
            _share(idle, hedged + idle),
            _share(sums.named[:, 0], cases),
            _share(sums.asserted[:, 0], cases),
            _share(sums.side_right[:, 0], sums.side_stated[:, 0]),
            _share(sums.side_stated[:, 0], sums.side_known[:, 0]),
            _share(sums.severity_right[:, 0], sums.severity_stated[:, 0]),
            _share(sums.severity_stated[:, 0], sums.severity_known[:, 0]),
        ],
        axis=1,
    )


def _micro_macro(sums: _Sums, places: slice | list[int]) -> tuple[Floats, Floats]:
    hit, false, missed = (one[:, places] for one in (sums.hit, sums.false, sums.missed))
    each = np.where(hit + missed > 0, _f1(hit, false, missed), np.nan)
    occurring = np.isfinite(each)
    macro = _share(np.nan_to_num(each).sum(axis=1), occurring.sum(axis=1).astype(np.float64))
    return _f1(hit.sum(axis=1), false.sum(axis=1), missed.sum(axis=1)), macro


def _f1(hit: Floats, false: Floats, missed: Floats) -> Floats:
    return _share(2 * hit, 2 * hit + false + missed)


def _share(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
