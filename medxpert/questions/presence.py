"""Answers whether something is there, and whether all is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from medxpert.exchange import Question
from medxpert.ontology import NO_FINDING
from medxpert.questions.polarity import asks_for_health
from medxpert.questions.weighed import Weighed, abnormal, best, found_sentence, is_seen, likelihood, share, silent
from medxpert.questions.wording import article, cannot, denied, graded, plain, sentence
from medxpert.reporting import Verdict

HALF = 0.5
"""The share of a side from which something is on it."""


def presence(question: Question, own: Mapping[str, Verdict]) -> Weighed:
    """Answer yes where any of the observations is seen as it is asked about, and say so of each."""
    asked = [own[name] for name in question.observations]
    if not asked:
        return silent(cannot("nothing"))
    if question.observations == (NO_FINDING,):
        return _normal(question, own)
    found = [one for one in asked if _is_meant(one, question)]
    chance = 1 - prod(1 - _chance(one, question) for one in asked)
    health = asks_for_health(question.text, question.observations)
    value = "yes" if bool(found) != health else "no"
    odds = {"no": chance, "yes": 1 - chance} if health else {"yes": chance, "no": 1 - chance}
    text = " ".join([_lead(found, value, health), *_told(question, asked, found)])
    return Weighed(text, value, odds, tuple(found or asked), confidence=odds[value])


def _is_meant(verdict: Verdict, question: Question) -> bool:
    """Tell whether something is seen, on the side and of the severity that are asked about."""
    if not is_seen(verdict):
        return False
    sided = not question.side or not verdict.sides or share(verdict, question.side) >= HALF
    graded_so = not question.severity or not verdict.severities or best(verdict.severities) == question.severity
    return sided and graded_so


def _chance(verdict: Verdict, question: Question) -> float:
    sided = share(verdict, question.side) if question.side and verdict.sides else 1.0
    grade = verdict.severities.get(question.severity, 0.0) if question.severity and verdict.severities else 1.0
    return likelihood(verdict) * sided * grade


def _lead(found: Sequence[Verdict], value: str, health: bool) -> str:
    if not found or any(one.status == "present" for one in found):
        return sentence("lead", value)
    return sentence("lead", "possibly not" if health else "possibly")


def _told(question: Question, asked: Sequence[Verdict], found: Sequence[Verdict]) -> list[str]:
    """Say of each thing that was asked about whether it is seen."""
    said = [found_sentence(_stated(one, question)) for one in found]
    elsewhere = [one for one in asked if one not in found and is_seen(one)]
    said += [_elsewhere(one, question) for one in elsewhere]
    return [*said, denied([one.observation for one in asked if one not in found and one not in elsewhere])]


def _stated(one: Verdict, question: Question) -> Verdict:
    """State the side and severity that are asked about, where the evidence knows any."""
    side = question.side if question.side and one.sides else one.laterality
    return replace(
        one, laterality=side, severity=question.severity if one.severities and question.severity else one.severity
    )


def _elsewhere(one: Verdict, question: Question) -> str:
    """Say of something that is seen how it differs from what was asked about."""
    sided = bool(question.side and one.sides) and share(one, question.side) < HALF
    value = best(one.sides) if sided else graded(one.observation, best(one.severities))
    if one.status != "present":
        return sentence("only possible", what=article(one.observation).capitalize(), value=value)
    return sentence("other side" if sided else "other severity", name=plain(one.observation), value=value)


def _normal(question: Question, own: Mapping[str, Verdict]) -> Weighed:
    verdict, found = own[NO_FINDING], abnormal(own)
    normal, chance = is_seen(verdict), likelihood(verdict)
    health = asks_for_health(question.text, question.observations)
    value = "yes" if normal == health else "no"
    odds = {"yes": chance, "no": 1 - chance} if health else {"no": chance, "yes": 1 - chance}
    rest = [sentence("normal")] if normal else [found_sentence(one) for one in found] or [sentence("not normal")]
    text = " ".join([sentence("lead", value), *rest])
    return Weighed(text, value, odds, (verdict,) if normal else tuple(found) or (verdict,), confidence=odds[value])
