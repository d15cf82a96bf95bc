"""From an understood question to what the evidence answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from medxpert.exchange import Question
from medxpert.questions.changed import change
from medxpert.questions.classes import severity, side
from medxpert.questions.presence import presence
from medxpert.questions.summary import count, summary
from medxpert.questions.weighed import Weighed, silent
from medxpert.questions.wording import cannot, sentence
from medxpert.reporting import Change, Verdict


def weigh(question: Question, verdicts: Sequence[Verdict], changes: Sequence[Change] | None) -> Weighed:
    """Answer a question from the verdicts, one per observation, and the changes against a prior image."""
    if question.kind == "other":
        return silent(sentence("cannot", reason=question.reason))
    if question.kind == "change":
        return change(question, changes)
    own = {one.observation: one for one in verdicts if one.probability is not None}
    unknown = [name for name in question.observations if name not in own]
    if unknown and (question.kind != "open" or len(unknown) == len(question.observations)):
        return silent(cannot("unknown", unknown))
    return _KINDS[question.kind](question, own) if own else silent(cannot("nothing"))


_KINDS: Mapping[str, Callable[[Question, Mapping[str, Verdict]], Weighed]] = {
    "presence": presence,
    "side": side,
    "severity": severity,
    "count": count,
    "open": summary,
}
