"""Answers what became of something between a prior image and this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from medxpert.exchange import Question
from medxpert.ontology import NO_FINDING
from medxpert.questions.weighed import Weighed, is_seen, silent
from medxpert.questions.wording import cannot, plain, sentence
from medxpert.reporting import Change


def change(question: Question, changes: Sequence[Change] | None) -> Weighed:
    """Tell what became of what is asked about, or name all that changed; a value where one thing is asked about."""
    if changes is None:
        return silent(cannot("no prior"))
    told = [one for one in changes if one.course and one.probability is not None]
    asked = [one for one in told if one.observation in question.observations]
    if question.observations and not asked:
        return silent(cannot("no course", question.observations))
    asked = asked or [one for one in told if one.course != "unchanged" and one.observation != NO_FINDING]
    if not told:
        return silent(cannot("nothing"))
    if not asked:
        sure = prod(one.courses.get("unchanged", 0.0) for one in told)
        return Weighed(sentence("none changed"), "unchanged", {"unchanged": sure}, confidence=sure)
    odds: Mapping[str, float] = dict(asked[0].courses.items()) if len(asked) == 1 else {}
    value = asked[0].course if len(asked) == 1 and question.observations else ""
    sure = prod(one.probability or 0.0 for one in asked)
    return Weighed(
        " ".join(_course(one) for one in asked),
        value,
        odds,
        tuple(v for one in asked for v in (one.now, one.before)),
        confidence=sure,
    )


def _course(one: Change) -> str:
    gone = one.course == "unchanged" and not (is_seen(one.before) or is_seen(one.now))
    return sentence("course", "absent" if gone else one.course, name=plain(one.observation))
