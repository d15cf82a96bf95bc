"""How good captions are: what they say of each observation against the truth, and their words against the report's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evaluation.reports.quality import overlap
from medxpert.evaluation.reports.reading import said_by, truth_of
from medxpert.metrics.agreement import NAMES, Said, agreement
from medxpert.metrics.exchange import exchange_p
from medxpert.metrics.statistics import number_patients, resample
from medxpert.ontology import NEGATIVE, POSITIVE
from medxpert.tables.blocks import Block, Row, Shown, percent
from medxpert.text import normalise

OURS, NORMAL, FREQUENT = "captioner", "all normal", "most frequent"
NORMAL_CAPTION = "No acute cardiopulmonary abnormality."
MOST_TRUST = 3.0
"""Log-odds, 95 %."""
_F1 = ("f1", "f1_macro")
_PLACES = [NAMES.index(name) for name in _F1]

Floats = NDArray[np.float64]


def figures(captions: Sequence[str], cases: Cases) -> dict[str, float]:
    """Return label_f1 (micro), label_f1_macro, bleu4 and rouge_l of captions of N studies, in [0, 1].

    What a caption says is read by the labeler; an uncertain statement is no assertion. The truth is the image's where a
    generator knows it, else the labels.
    """
    estimate = agreement(said_by(captions), truth_of(cases), np.arange(len(captions)))
    found = estimate(np.ones((1, len(captions))))[0]
    f1 = {f"label_{name}": float(np.nan_to_num(found[place])) for name, place in zip(_F1, _PLACES, strict=True)}
    return f1 | overlap(captions, cases.texts)


def most_frequent(texts: Sequence[str]) -> str:
    """Return the text that most studies share after normalisation, as the first of them writes it."""
    counts = Counter(normalise(text) for text in texts)
    wanted = max(counts, key=lambda one: counts[one])
    return next(text for text in texts if normalise(text) == wanted)


def compare(captions: Sequence[str], cases: Cases, known: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Measure captions of N studies beside one that is always normal and the commonest training text.

    Args:
        captions: of the captioner.
        cases: the studies.
        known: texts of the training studies.
        seed: of the bootstrap over patients and of the exchanges behind the p-values.

    Returns:
        "agreement": contender -> f1, f1_macro -> value, low, high, and for "captioner - <contender>" p as well;
        "text": contender -> bleu4, rouge_l; "frequent": the commonest text; "readable": share of captions that are.
    """
    frequent = most_frequent(known)
    texts = {OURS: list(captions), NORMAL: [NORMAL_CAPTION] * len(captions), FREQUENT: [frequent] * len(captions)}
    truth, numbers = truth_of(cases), number_patients(cases.patient_ids, len(cases))
    said = {name: said_by(found) for name, found in texts.items()}
    return {
        "agreement": _agreement(said, truth, numbers, seed),
        "text": {name: overlap(found, cases.texts) for name, found in texts.items()},
        "frequent": frequent,
        "readable": float(np.mean([bool(one) for one in captions])),
    }


def _agreement(
    said: Mapping[str, Said], truth: Said, numbers: NDArray[np.int64], seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the cells of every contender and of the gains over each, all from the same draws of patients."""
    estimates = {name: agreement(one, truth, numbers) for name, one in said.items()}
    others = [name for name in said if name != OURS]
    names = [*estimates, *(f"{OURS} - {name}" for name in others)]

    def estimate(counts: Floats) -> Floats:
        found = {name: one(counts)[:, _PLACES] for name, one in estimates.items()}
        return np.hstack([*found.values(), *(found[OURS] - found[name] for name in others)])

    cells = iter(resample(estimate, int(numbers.max()) + 1, seed=seed).named())
    result = {name: {figure: _known(next(cells)) for figure in _F1} for name in names}
    for name in others:
        tested = _p_values(said[OURS], said[name], truth, numbers, seed)
        for figure, p in zip(_F1, tested, strict=True):
            if np.isfinite(p):
                result[f"{OURS} - {name}"][figure]["p"] = p
    return result


def _p_values(ours: Said, other: Said, truth: Said, numbers: NDArray[np.int64], seed: int) -> list[float]:
    """Say how likely a gain as large is if neither is better."""
    count = int(numbers.max()) + 1
    both, twice = (Said(*map(np.concatenate, zip(*pair, strict=True))) for pair in ((ours, other), (truth, truth)))
    tested = exchange_p(agreement(both, twice, np.concatenate([numbers, numbers + count])), count, seed=seed)
    found: list[float] = tested[_PLACES].tolist()
    return found


def _known(cell: dict[str, float]) -> dict[str, float]:
    """Return a cell without what could not be estimated; JSON knows no NaN."""
    return cell if np.isfinite(list(cell.values())).all() else {}


def trust(captions: Sequence[str], cases: Cases) -> dict[str, float]:
    """Return the log-odds that a caption adds to an observation that it affirms ("1") or denies ("0").

    The logit of the share of such statements that are true, pooled over observations, within 0 to 3; a denial's counts
    against. A sign that no caption uses, or whose truth nobody knows, is absent.
    """
    told, truth = said_by(captions).labels, truth_of(cases).labels
    known = np.isin(truth, (POSITIVE, NEGATIVE))
    result = {}
    for value, sign in ((POSITIVE, 1.0), (NEGATIVE, -1.0)):
        stated = (told == value) & known
        if stated.any():
            share = float((truth[stated] == value).mean())
            result[str(value)] = sign * _odds(share)
    return result


def _odds(share: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(share) - np.log1p(-share), 0.0, MOST_TRUST))


def block(split: str, measured: Mapping[str, Any]) -> Block:
    """Return the table of what `compare` measured."""
    rows = [_row(name, cells, measured["text"].get(name)) for name, cells in measured["agreement"].items()]
    note = f"{split}; label F1 of what captions say against the truth, 95 % over patients"
    return Block("Captions", note, ("F1", "macro F1", "BLEU-4", "ROUGE-L", "p"), tuple(rows))


def _row(name: str, cells: Mapping[str, Mapping[str, float]], text: Mapping[str, float] | None) -> Row:
    gain = text is None
    f1 = [percent(cells[figure] or None, signed=gain) for figure in _F1]
    words = [Shown("") if text is None else Shown(f"{100 * text[figure]:.1f}") for figure in ("bleu4", "rouge_l")]
    p = cells["f1"].get("p")
    return Row(
        name.replace(f"{OURS} - ", "over "),
        (*f1, *words, Shown("" if p is None else f"{p:.3f}")),
        "gain" if gain else "main" if name == OURS else "reference",
    )
