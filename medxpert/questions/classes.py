"""Answers which side and how severe."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

from medxpert.exchange import Question
from medxpert.questions.naming import MIDLINE
from medxpert.questions.weighed import Weighed, abnormal, best, is_seen, likelihood, silent
from medxpert.questions.wording import article, cannot, graded, plain, sentence
from medxpert.reporting import Verdict

PRESUPPOSED = 0.02
"""Who asks where something is knows that it is there; below this probability the evidence says otherwise.

On the validation studies of the phantom that is so of 8 % of what is there and 79 % of what is not; of 14 % and 87 % at
0.10, of 6 % and 73 % at 0.03."""
_What = Literal["side", "severity"]


def _class(what: _What, question: Question, own: Mapping[str, Verdict]) -> Weighed:
    """Tell the likeliest side or severity of what is seen; of several things only where it is the same."""
    asked = [own[name] for name in question.observations] or abnormal(own)
    if what == "side" and question.observations and MIDLINE.issuperset(question.observations):
        return silent(cannot("midline", question.observations))
    seen = [one for one in asked if is_seen(one)] or [one for one in asked if likelihood(one) >= PRESUPPOSED][:1]
    if not seen or not (question.observations or is_seen(seen[0])):
        return silent(cannot("not seen", question.observations) if question.observations else cannot("nothing seen"))
    known = [one for one in seen if _likely(what, one)]
    if not known:
        return silent(cannot(f"no {what}", [one.observation for one in seen]))
    values = {best(_likely(what, one)) for one in known}
    if len(values) > 1:
        return silent(cannot("several"))
    odds = {value: share * likelihood(known[0]) for value, share in _likely(what, known[0]).items()}
    value = values.pop()
    text = " ".join(_sentence(what, one, value) for one in known)
    return Weighed(text, value, odds, tuple(known), confidence=odds[value])


def _likely(what: _What, verdict: Verdict) -> Mapping[str, float]:
    if what == "severity":
        return verdict.severities
    return {} if verdict.observation in MIDLINE else verdict.sides


def _sentence(what: _What, verdict: Verdict, value: str) -> str:
    name = plain(verdict.observation)
    if verdict.status != "present":
        word = value if what == "side" else graded(verdict.observation, value)
        bare = article(verdict.observation)
        return sentence("only possible" if is_seen(verdict) else "unlikely", what=bare.capitalize(), value=word)
    if what == "side":
        return sentence("side", value, name=name)
    return sentence("severity", name=name, severity=graded(verdict.observation, value))


side = partial(_class, "side")
"""Tells the likeliest side of what is seen."""
severity = partial(_class, "severity")
"""Tells the likeliest severity of what is seen."""
