"""Answers a question from the evidence alone, offline: plain sentences, a value, a calibrated confidence."""

from __future__ import annotations

from collections.abc import Sequence

from medxpert.exchange import Question, Reply
from medxpert.questions.answers import weigh
from medxpert.questions.wording import sentence
from medxpert.reporting import Change, Verdict

MOST_CASES = 3
"""Similar cases that an answer cites of each observation, the nearest ones."""


def reply(
    question: Question, verdicts: Sequence[Verdict], changes: Sequence[Change] | None = None, doubt: str = ""
) -> Reply:
    """Answer a question about an image.

    Args:
        question: as it was understood.
        verdicts: one per observation.
        changes: against a prior image, one per observation; None without one.
        doubt: why nothing that is said of the image can be more than weak; repeated in the answer.
    """
    told = weigh(question, verdicts, changes)
    doubted = sentence("doubt", doubt=doubt.rstrip(".")) if doubt and told.answerable else ""
    return Reply(
        question=question.text,
        answer=f"{told.text} {doubted}".strip(),
        confidence=None if told.confidence is None else round(told.confidence, 4),
        evidence=cited(told.verdicts),
        answerable=told.answerable,
        reporter="template",
        value=told.value,
        kind=question.kind,
    )


def cited(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Return what verdicts rest on: the nearest cases of each, of absences of the first, and all names of scores."""
    found = [one for one in verdicts if one.status in ("present", "uncertain")]
    cases = [case for one in found or verdicts[:1] for case in one.cases[:MOST_CASES]]
    return tuple(dict.fromkeys([*cases, *(name for one in verdicts for name in one.scores)]))
