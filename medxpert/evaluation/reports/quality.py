"""How good the assistant's reports are, beside reports that need no assistant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import sacrebleu
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from medxpert.evaluation.reports.baselines import NEAREST, NEAREST_TEXT, baseline_texts
from medxpert.evaluation.reports.curves import curves
from medxpert.evaluation.reports.layout import blocks
from medxpert.evaluation.reports.reading import said_by, truth_of
from medxpert.evaluation.reports.written import CAUGHT, LIAR, OURS, UNCHECKED, Drafts, Outsiders
from medxpert.evaluation.subject import Part, Subject
from medxpert.metrics.agreement import NAMES, Said, agreement, per_observation
from medxpert.metrics.areas import auroc
from medxpert.metrics.exchange import exchange_p
from medxpert.metrics.probabilities import believed, brier_skill, class_wise_ece, risk_coverage
from medxpert.metrics.statistics import number_patients, resample
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, POSITIVE

GAIN = f"{OURS} - {{}}"
"""Names the gain over a contender."""
_NOT_COMPARED = (UNCHECKED, LIAR, CAUGHT)
"""Contenders whose words are ours but for a sentence; comparing texts takes the longest of all."""
_EXAMPLES = 3
_COVERAGES = (0.25, 0.5, 0.75, 1.0)

Floats = NDArray[np.float64]


class _Read(NamedTuple):
    """What every contender says, and what is true."""

    said: Mapping[str, Said]
    truth: Said
    numbers: NDArray[np.int64]
    """[N] patients."""


def report_quality(subject: Subject, drafts: Drafts, outsiders: Outsiders | None = None, seed: int = 0) -> Part:
    """Measure the reports on the N studies of a split, with intervals over patients.

    Every contender's statements are read from its text by the same labeler. An uncertain statement is no assertion.

    Args:
        subject: the split.
        drafts: the assistant's reports on it.
        outsiders: what it makes of pictures that it should refuse; None where nothing was fitted to tell them.
        seed: of random reports and bootstrap draws.
    """
    truth = truth_of(subject.cases)
    own = {OURS: drafts.checked, UNCHECKED: drafts.unchecked, LIAR: drafts.liar, CAUGHT: drafts.caught}
    texts = own | dict(baseline_texts(subject, truth, seed))
    numbers = number_patients(subject.cases.patient_ids, len(subject.cases))
    read = _Read({name: said_by(found) for name, found in texts.items()}, truth, numbers)
    figures = {
        "agreement": _agreement(read, seed),
        "text": {
            name: overlap(found, subject.cases.texts) for name, found in texts.items() if name not in _NOT_COMPARED
        },
        "probabilities": _probabilities(drafts.probabilities, read, seed),
        "observations": _observations(drafts.probabilities, read),
        "risk_coverage": _risk(drafts.probabilities, read),
        "abstention": _abstention(outsiders),
        "examples": _examples(texts[OURS], read, subject),
        "reporter": drafts.reporter,
        "fallbacks": drafts.fallbacks,
        "fallback_reason": drafts.fallback_reason,
    }
    return Part(("reports", subject.split), figures, tuple(blocks(figures, list(texts))))


def _agreement(read: _Read, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return contender -> figure -> cell, and the paired gain over copying, all from the same draws.

    Copying is by the nearest image or the nearest text, whichever has the higher F1 on these studies.
    """
    estimates = {name: agreement(said, read.truth, read.numbers) for name, said in read.said.items()}
    once = np.ones((1, int(read.numbers.max()) + 1))
    copies = {name: estimates[name](once)[0, 0] for name in (NEAREST, NEAREST_TEXT) if name in estimates}
    over = max(copies, key=lambda name: copies[name], default="")

    def estimate(counts: Floats) -> Floats:
        found = {name: one(counts) for name, one in estimates.items()}
        return np.hstack([*found.values(), *([found[OURS] - found[over]] if over else [])])

    cells = iter(_cells(estimate, read.numbers, seed))
    named = [*estimates, *([GAIN.format(over)] if over else [])]
    result = {name: {figure: next(cells) for figure in NAMES} for name in named}
    if over:
        _add_p_values(result[GAIN.format(over)], read, over, seed)
    return result


def _add_p_values(gain: dict[str, dict[str, float]], read: _Read, over: str, seed: int) -> None:
    """Say of each gain how likely one as large is if neither is better."""
    pair, count = (read.said[OURS], read.said[over]), int(read.numbers.max()) + 1
    said, truth = (Said(*map(np.concatenate, zip(*both, strict=True))) for both in (pair, (read.truth, read.truth)))
    numbers = np.concatenate([read.numbers, read.numbers + count])
    tested = exchange_p(agreement(said, truth, numbers), count, seed=seed)
    for figure, p in zip(NAMES, tested.tolist(), strict=True):
        if gain[figure] and np.isfinite(p):
            gain[figure]["p"] = p


def _cells(estimate: Callable[[Floats], Floats], numbers: NDArray[np.int64], seed: int) -> list[dict[str, float]]:
    return [_known(cell) for cell in resample(estimate, int(numbers.max()) + 1, seed=seed).named()]


def _known(cell: dict[str, float]) -> dict[str, float]:
    """Return a cell without what could not be estimated; JSON knows no NaN."""
    return cell if np.isfinite(list(cell.values())).all() else {}


def overlap(found: Sequence[str], own: Sequence[str]) -> dict[str, float]:
    """Return BLEU-4 over all reports (Post, WMT 2018) and mean ROUGE-L against the studies' own texts, in [0, 1]."""
    scorer = RougeScorer(["rougeL"])
    rouge = [scorer.score(one, other)["rougeL"].fmeasure for one, other in zip(own, found, strict=True)]
    return {"bleu4": sacrebleu.corpus_bleu(list(found), [list(own)]).score / 100, "rouge_l": float(np.mean(rouge))}


def _probabilities(probabilities: Floats, read: _Read, seed: int) -> dict[str, Any]:
    """Return calibration error and Brier skill with intervals: means over observations, the skill pooled, too."""
    measure = believed(probabilities, read.truth.labels, read.numbers)

    def estimate(counts: Floats) -> Floats:
        found = measure(counts)
        return np.stack([_mean(found.ece), _mean(found.skill), found.pooled], axis=1)

    names = ("ece", "brier_skill", "brier_skill_pooled")
    return dict(zip(names, _cells(estimate, read.numbers, seed), strict=True))


def _mean(values: Floats) -> Floats:
    """Return the mean [b] of what is known in each row [b, C]; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)


def _observations(probabilities: Floats, read: _Read) -> dict[str, dict[str, float | None]]:
    told = per_observation(read.said[OURS], read.truth) | {
        "ece": class_wise_ece(probabilities, read.truth.labels),
        "brier_skill": brier_skill(probabilities, read.truth.labels),
    }
    return {
        name: {"positive": int((read.truth.labels[:, place] == POSITIVE).sum())}
        | {figure: _number(values[place]) for figure, values in told.items()}
        for place, name in enumerate(OBSERVATIONS)
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _risk(probabilities: Floats, read: _Read) -> dict[str, Any]:
    """Return the share of wrong assertions when only the most confident studies are answered; silence is no risk.

    A study is as confident as the mean over its observations of p or 1 - p, whichever is larger.
    """
    said, truth = read.said[OURS], read.truth
    stated = (said.labels == POSITIVE) & np.isin(truth.labels, (POSITIVE, NEGATIVE))
    wrong = stated & (truth.labels == NEGATIVE)
    sure = np.maximum(filled := np.nan_to_num(probabilities, nan=0.5), 1 - filled).mean(axis=1)
    sorting = sure, wrong.sum(axis=1).astype(np.float64), stated.sum(axis=1).astype(np.float64)
    coverage, risk = risk_coverage(*sorting)
    places = {share: min(int(np.searchsorted(coverage, share)), len(risk) - 1) for share in _COVERAGES}
    at = {f"{share:.0%}": float(risk[place]) for share, place in places.items()}
    drawn = curves(probabilities, truth.labels, *sorting)
    return {"area": float(risk.mean()), "risk_at": at, "curves": drawn}


def _abstention(outsiders: Outsiders | None) -> dict[str, Any]:
    if outsiders is None:
        return {}
    families = {}
    for name, scores in outsiders.scores.items():
        labels = np.repeat([[1], [0]], [len(scores), len(outsiders.inside)], axis=0).astype(np.int8)
        area = float(auroc(np.concatenate([scores, outsiders.inside])[:, None].astype(np.float32), labels, 1)[0])
        refused = float((scores > outsiders.threshold).mean())
        families[name] = {
            "auroc": area,
            "refused": refused,
            "fitted": name in outsiders.fitted,
            "pictures": len(scores),
        }
    return {"inside_refused": float((outsiders.inside > outsiders.threshold).mean()), "families": families}


def _examples(texts: Sequence[str], read: _Read, subject: Subject) -> dict[str, list[dict[str, str]]]:
    """Return the reports with most and with fewest statements right, of abnormal studies where there are such."""
    said, truth = read.said[OURS], read.truth
    place = OBSERVATIONS.index(NO_FINDING)
    right = ((said.labels == POSITIVE) & (truth.labels == POSITIVE)).sum(axis=1)
    wrong = ((said.labels == POSITIVE) != (truth.labels == POSITIVE)).sum(axis=1)
    rows = np.flatnonzero(truth.labels[:, place] != POSITIVE)
    rows = rows if len(rows) else np.arange(len(texts))
    order = rows[np.argsort(right[rows] - 2.0 * wrong[rows], kind="stable")]
    chosen = {"best": order[::-1][:_EXAMPLES], "worst": order[:_EXAMPLES]}
    return {
        kind: [
            {
                "study": subject.cases.study_ids[row],
                "report": texts[row],
                "own": subject.cases.texts[row],
                "truth": ", ".join(n for n, v in zip(OBSERVATIONS, truth.labels[row], strict=True) if v == POSITIVE),
            }
            for row in picked.tolist()
        ]
        for kind, picked in chosen.items()
    }
