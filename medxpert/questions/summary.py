"""Answers how many things are found, and what there is altogether."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from medxpert.exchange import Question
from medxpert.ontology import NO_FINDING, PATHOLOGIES
from medxpert.questions.weighed import Weighed, found_sentence, is_seen, likelihood, silent
from medxpert.questions.wording import cannot, denied, listed, plain, sentence
from medxpert.reporting import Verdict


def count(question: Question, own: Mapping[str, Verdict]) -> Weighed:
    """Tell the likeliest number of pathologies; their number is Poisson-binomial."""
    if len(question.observations) == 1:
        return silent(cannot("no number", question.observations))
    counted = [own[name] for name in question.observations or PATHOLOGIES if name in own]
    chances = np.ones(1)
    for one in counted:
        chances = np.convolve(chances, [1 - likelihood(one), likelihood(one)])
    number = int(chances.argmax())
    likeliest = tuple(sorted(counted, key=likelihood, reverse=True)[:number])
    names = listed([plain(one.observation) for one in likeliest])
    key = "none" if not number else "one" if number == 1 else "many"
    odds = {str(count): float(chance) for count, chance in enumerate(chances)}
    text = sentence("count", key, count=str(number), names=names)
    return Weighed(text, str(number), odds, likeliest or tuple(counted), confidence=odds[str(number)])


def summary(question: Question, own: Mapping[str, Verdict]) -> Weighed:
    """Say what is present, what is possible and what is absent."""
    about = [one for name, one in own.items() if name in (question.observations or own) and name != NO_FINDING]
    firm = [one for one in about if one.status == "present"]
    possible = [one for one in about if one.status == "uncertain"]
    absent = [one for one in about if one.status == "absent"]
    said = [found_sentence(one) for one in (*firm, *possible)]
    if not question.observations and not said and is_seen(own.get(NO_FINDING, Verdict(NO_FINDING))):
        said = [sentence("normal")]
    said += [denied([one.observation for one in absent])] if absent else []
    if not said:
        return silent(cannot("nothing"))
    confidence = prod([likelihood(one) for one in firm] + [1 - likelihood(one) for one in absent])
    return Weighed(" ".join(said), verdicts=(*firm, *possible) or tuple(absent), confidence=confidence)
