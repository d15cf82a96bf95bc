"""How many questions are answered rightly, with intervals over patients, beside answers without looking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.evaluation.questions.answered import Answered
from medxpert.evaluation.questions.blind import CANNOT, chance, majority, truth_of
from medxpert.evaluation.questions.shares import Cell, Floats, calibration_error, ratios
from medxpert.labeler import label_report
from medxpert.metrics.statistics import bootstrap, number_patients
from medxpert.ontology import PATHOLOGIES, POSITIVE
from medxpert.phantom.questions import AskedPhantom

OURS, WORDS, CHANCE, TOLD = "ours", "words alone", "chance", "told the truth"
CLOSED = ("presence", "side", "severity", "count", "change")
_FIGURES = ("precision", "recall", "f1")
_EXAMPLES = 3

Bools = NDArray[np.bool_]


class Table(NamedTuple):
    """The answers of every contender to Q questions."""

    asked: Sequence[AskedPhantom]
    right: Mapping[str, Floats]
    """Contender -> [Q] probability that the answer is right."""
    silent: Mapping[str, Bools]
    """Contender -> [Q] whether it says that it cannot tell; those that never do are absent."""
    patients: NDArray[np.int64]
    """[Q] numbers."""

    @property
    def shares(self) -> Floats:
        """[Q], `AskedPhantom.share`."""
        return np.array([one.share for one in self.asked], np.float64)

    def of(self, *kinds: str) -> Bools:
        """Mark [Q] the answerable questions of some kinds."""
        return np.array([one.answerable and one.kind in kinds for one in self.asked], bool)


def score(
    ours: Sequence[Answered], told: Sequence[Answered], known: Sequence[AskedPhantom], seed: int = 0
) -> dict[str, Any]:
    """Measure answers to Q questions about a split.

    Args:
        ours: the assistant's.
        told: the same with evidence that knows the truth.
        known: questions about other patients in the same wordings, for the answers from words alone; may be empty.
        seed: of the bootstrap draws.
    """
    asked = [one.asked for one in ours]
    table = _table(ours, told, known)
    return {
        "counts": {kind: _counted(asked, table.of(kind)) for kind in (*CLOSED, "open")},
        "accuracy": _accuracy(table, seed),
        "silent": _shares(table, table.silent[OURS].astype(float), seed),
        "open": _open(ours, table, seed),
        "understood": _shares(table, np.array([one.is_understood for one in ours], float), seed),
        "natural": _natural(table, seed),
        "forms": _forms(table, seed),
        "observations": _observations(table),
        "unanswerable": _unanswerable(table, seed),
        "confidence": _confidence(ours, table, seed),
        "errors": _errors(ours),
    }


def _table(ours: Sequence[Answered], told: Sequence[Answered], known: Sequence[AskedPhantom]) -> Table:
    asked = [one.asked for one in ours]
    right = {CHANCE: chance(asked)}
    silent: dict[str, Bools] = {}
    if known:
        answer, ends = majority(known), majority(known, answerable=False)
        right[WORDS] = np.array([answer(one) == truth_of(one) for one in asked], float)
        silent[WORDS] = np.array([ends(one) == CANNOT for one in asked], bool)
    for name, answers in ((OURS, ours), (TOLD, told)):
        right[name] = np.array([one.is_right for one in answers], float)
        silent[name] = np.array([not one.reply.answerable for one in answers], bool)
    return Table(asked, right, silent, number_patients([one.patient_id for one in asked], len(asked)))


def _counted(asked: Sequence[AskedPhantom], chosen: Bools) -> dict[str, int]:
    found = [one for one, kept in zip(asked, chosen, strict=True) if kept]
    return {
        "questions": len(found),
        "wordings": len({one.question for one in found}),
        "studies": len({one.study_id for one in found}),
        "patients": len({one.patient_id for one in found}),
    }


def _accuracy(table: Table, seed: int) -> dict[str, dict[str, Cell]]:
    shares = {name: _shares(table, right, seed) for name, right in table.right.items()}
    return {name: {kind: cell for kind, cell in cells.items() if kind in CLOSED} for name, cells in shares.items()}


def _shares(table: Table, values: Floats, seed: int) -> dict[str, Cell]:
    """Return the mean of values [Q] over the answerable questions of each closed kind, and of open ones."""
    return _means(values, {kind: table.of(kind) for kind in (*CLOSED, "open")}, table.patients, seed)


def _means(values: Floats, groups: Mapping[str, Bools], patients: NDArray[np.int64], seed: int) -> dict[str, Cell]:
    """Return the mean of values [Q] in each group that has any, with its interval."""
    kept = {name: chosen for name, chosen in groups.items() if chosen.any()}
    if not kept:
        return {}
    columns = np.stack([np.where(chosen, values, np.nan) for chosen in kept.values()], axis=1)
    return dict(zip(kept, bootstrap(columns, patients, seed=seed).named(), strict=True))


def _open(ours: Sequence[Answered], table: Table, seed: int) -> Cell:
    """Return the micro-averaged F1 of the pathologies that answers to open questions assert, as the labeler reads."""
    counts = np.zeros((len(ours), 3))
    for row in np.flatnonzero(table.of("open")).tolist():
        labels = label_report(ours[row].reply.answer)
        said = {name for name in PATHOLOGIES if labels.get(name) == POSITIVE}
        true = set(ours[row].asked.answer.split("; ")) - {""}
        counts[row] = len(said & true), len(said), len(true)
    return ratios(2 * counts[:, :1], counts[:, 1:].sum(axis=1, keepdims=True), table.patients, seed)[0]


def _natural(table: Table, seed: int) -> dict[str, Cell]:
    """Return the accuracy by kind if answers were as frequent as they are among the studies that a question fits."""
    weights = np.stack([table.of(kind) * table.shares for kind in CLOSED], axis=1)
    cells = ratios(weights * table.right[OURS][:, None], weights, table.patients, seed)
    return {kind: cell for kind, cell in zip(CLOSED, cells, strict=True) if cell}


def _forms(table: Table, seed: int) -> dict[str, dict[str, Cell]]:
    """Return contender -> the accuracy of each way to ask for yes or no."""
    names, chosen = np.array([one.template.rpartition(" ")[0] for one in table.asked]), table.of("presence")
    groups = {name: chosen & (names == name) for name in dict.fromkeys(names[chosen].tolist())}
    return {name: _means(right, groups, table.patients, seed) for name, right in table.right.items()}


def _observations(table: Table) -> dict[str, dict[str, dict[str, float]]]:
    """Return kind -> observation -> number of questions and accuracy of each contender."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in CLOSED:
        chosen = table.of(kind)
        names = [one.observation for one in table.asked]
        for name in dict.fromkeys(one for one, kept in zip(names, chosen, strict=True) if kept and one):
            here = chosen & np.array([one == name for one in names], bool)
            means = {who: float(table.right[who][here].mean()) for who in (OURS, TOLD, CHANCE)}
            found.setdefault(kind, {})[name] = {"questions": int(here.sum()), **means}
    return found


def _unanswerable(table: Table, seed: int) -> dict[str, Any]:
    """Return precision, recall and F1 of "cannot tell", among all questions, and the recall of each reason."""
    baseless = np.array([not one.answerable for one in table.asked], bool)
    groups = {
        reason: np.array([one.reason == reason for one in table.asked], bool)
        for reason in dict.fromkeys(one.reason for one in table.asked if one.reason)
    }
    figures = {name: _f1(silent, baseless, table.patients, seed) for name, silent in table.silent.items()}
    reasons = {
        name: _means(silent.astype(float), groups, table.patients, seed) for name, silent in table.silent.items()
    }
    return {"questions": int(baseless.sum()), "figures": figures, "reasons": reasons}


def _f1(silent: Bools, baseless: Bools, patients: NDArray[np.int64], seed: int) -> dict[str, Cell]:
    hits, said, true = (one.astype(float) for one in (silent & baseless, silent, baseless))
    above, below = np.stack([hits, hits, 2 * hits], axis=1), np.stack([said, true, said + true], axis=1)
    cells = ratios(above, below, patients, seed)
    return {name: cell for name, cell in zip(_FIGURES, cells, strict=True) if cell}


def _confidence(ours: Sequence[Answered], table: Table, seed: int) -> dict[str, Any]:
    """Return the calibration error of the confidence in answers to closed questions, by kind and of all together.

    Confidence was calibrated on studies as they come, where most findings are absent: so the error is that of answers
    as frequent as they are among the studies; that of the balanced questions stands beside it.
    """
    said = np.array([np.nan if one.reply.confidence is None else one.reply.confidence for one in ours])
    said[table.silent[OURS]] = np.nan
    groups = {"all": table.of(*CLOSED), **{kind: table.of(kind) for kind in CLOSED}}
    found = {}
    for name, chosen in groups.items():
        used = chosen & np.isfinite(said)
        if used.any():
            given = said[used], table.right[OURS][used]
            natural, even = (
                calibration_error(*given, weights[used], table.patients[used], seed)
                for weights in (table.shares, np.ones(len(said)))
            )
            found[name] = {"ece": natural, "ece_balanced": even, "answers": int(used.sum())}
    return found


def _errors(ours: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return the commonest kinds of error, each with examples."""
    seen: dict[tuple[str, str, str], list[Answered]] = {}
    for one in ours:
        for key in _faults(one):
            seen.setdefault(key, []).append(one)
    order = Counter({key: len(found) for key, found in seen.items()}).most_common()
    return [
        {
            "kind": kind,
            "true": true,
            "fault": fault,
            "count": count,
            "examples": [f"{one.asked.question} {one.reply.answer}" for one in seen[kind, true, fault][:_EXAMPLES]],
        }
        for (kind, true, fault), count in order
    ]


def _faults(one: Answered) -> Iterator[tuple[str, str, str]]:
    asked, reply = one.asked, one.reply
    true = asked.reason or asked.answer
    fault = "misread" if not one.is_understood else reply.value if reply.answerable else CANNOT
    if asked.kind != "open" and (one.is_right if asked.answerable else not reply.answerable) is False:
        yield asked.kind, true, fault or "no value"
