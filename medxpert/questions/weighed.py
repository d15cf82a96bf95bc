"""What the evidence answers to a question, and the few numbers that all answers are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from medxpert.ontology import NO_FINDING, PATHOLOGIES
from medxpert.questions.wording import phrase, sentence
from medxpert.reporting import Verdict

ENOUGH = 0.15
"""The probability from which something is answered with yes.

Verdicts are calibrated where findings are rare, but who asks about one has a reason. On balanced questions over the
validation studies of the phantom the balanced accuracy, mean of 14 observations, was .892 from 0.10 on, .889 from 0.15,
.874 from 0.20, .849 from 0.30 and .796 from 0.50."""


class Weighed(NamedTuple):
    """An answer that follows from the evidence.

    Attributes:
        text: sentences.
        value: "" where the question is open or the image does not answer it.
        odds: each value that was possible -> its probability.
        verdicts: what it rests on.
        answerable: whether the image answers the question.
        confidence: that the answer is right; None where it cannot be told.
    """

    text: str
    value: str = ""
    odds: Mapping[str, float] = {}
    verdicts: tuple[Verdict, ...] = ()
    answerable: bool = True
    confidence: float | None = None


def is_seen(verdict: Verdict) -> bool:
    """Tell whether something is answered with yes; No Finding only where nothing else is found."""
    if verdict.observation == NO_FINDING or verdict.status == "present":
        return verdict.status == "present"
    return verdict.status != "absent" and likelihood(verdict) >= ENOUGH


def silent(text: str) -> Weighed:
    """Answer that the image does not tell."""
    return Weighed(text, answerable=False)


def likelihood(verdict: Verdict) -> float:
    """Return the probability that something is there."""
    return verdict.probability or 0.0


def share(verdict: Verdict, side: str) -> float:
    """Return the probability that something is on a side, given that it is there; both sides are either."""
    return verdict.sides.get(side, 0.0) + (verdict.sides.get("bilateral", 0.0) if side != "bilateral" else 0.0)


def best(likely: Mapping[str, float]) -> str:
    """Return the likeliest of some values."""
    return max(likely, key=lambda one: likely[one])


def abnormal(own: Mapping[str, Verdict]) -> list[Verdict]:
    """Return what is present or uncertain, the likeliest first."""
    told = [one for one in own.values() if one.observation in PATHOLOGIES and one.status in ("present", "uncertain")]
    return sorted(told, key=likelihood, reverse=True)


def found_sentence(one: Verdict) -> str:
    """Say that something is there, or possible."""
    if one.status == "present":
        return sentence("present", phrase=phrase(one))
    return sentence("possible", bare=phrase(one, is_whole=False))
