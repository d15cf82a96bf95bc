"""Reads the one-word value of a closed question from a model's words."""

from __future__ import annotations

import re
from collections.abc import Collection

from medxpert.checker.reading import Claim, read
from medxpert.exchange import Question
from medxpert.labeler import mentions
from medxpert.ontology import NEGATIVE, NO_FINDING, POSITIVE
from medxpert.questions.phrases import book
from medxpert.questions.polarity import asks_for_health

_SENTENCE = re.compile(r"[^\n.!?]+(?:\.(?=\d)[^\n.!?]*)*[.!?]*")
_REFUSAL = re.compile(
    r"^\W*(?:i )?(?:can ?not|can't|could not|unable to|not possible to|impossible to|it cannot be) (?:be )?"
    r"(?:tell|told|determined?|say|said|answer\w*|assess\w*|judged?)\b|^\W*(?:not determinable|unknown)\b"
)
_YES_NO = re.compile(r"^\W*(yes|no|yeah|yep|nope)\s*(?:[,.;:!-]|$)")
"""Not the determiner: "no effusion" may answer yes to "are the lungs clear?"."""
_COMMA = re.compile(r"^\W*(?:yes|no|possibly|probably)\s*[,;:-]+\s*", re.IGNORECASE)
_LEAD = re.compile(r"\W*(?:yes|no|yeah|yep|nope|possibly|probably|likely|perhaps|maybe|not|unlikely|\W)+\W*")
_MEANT = {"yeah": "yes", "yep": "yes", "nope": "no"}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER = re.compile(rf"\b(\d{{1,2}}|none|{'|'.join(_NUMBERS)})\b(?!\s*%|\.\d)")


def sentences(answer: str) -> list[str]:
    """Split an answer into sentences."""
    return [match[0].strip() for match in _SENTENCE.finditer(answer) if any(letter.isalnum() for letter in match[0])]


def is_lead(sentence: str) -> bool:
    """Tell whether a sentence is nothing but "Yes." or "Possibly not."."""
    return bool(_LEAD.fullmatch(sentence.lower()))


def without_lead(sentence: str) -> str:
    """Return a sentence without its "Yes, "; what follows is read as a sentence of a report."""
    rest = _COMMA.sub("", sentence)
    return rest[:1].upper() + rest[1:] if rest.strip(" .!") else sentence


def is_refusal(answer: str) -> bool:
    """Tell whether an answer says that nothing can be told."""
    return bool(_REFUSAL.match(answer.lower()))


def value_of(question: Question, text: str) -> str:
    """Return the value that a text gives to a closed question; "" where it gives none, or several."""
    lower = " ".join(text.lower().split())
    if question.kind == "presence":
        return _yes_or_no(question, lower)
    if question.kind == "count":
        return _number(lower)
    if question.kind == "change":
        return _word("courses", lower)
    if question.kind == "side":
        return _only({one.side for one in _asserted(question, text)}) or _word("sides", lower)
    if question.kind == "severity":
        return _only({one.severity for one in _asserted(question, text)}) or _word("severities", lower)
    return ""


def _asserted(question: Question, text: str) -> list[Claim]:
    claims = read(text).claims
    return [one for one in claims if one.status != "absent" and one.observation in question.observations]


def _only(found: Collection[str]) -> str:
    told = {one for one in found if one}
    return told.pop() if len(told) == 1 else ""


def _yes_or_no(question: Question, text: str) -> str:
    """Read yes or no at the beginning, else whether the sentences claim what was asked about."""
    match = _YES_NO.match(text)
    if match:
        return _MEANT.get(match[1], match[1])
    claimed = {one.value for one in mentions(text) if one.observation in question.observations}
    if NO_FINDING in question.observations or len(claimed) != 1 or not claimed <= {POSITIVE, NEGATIVE}:
        return ""
    there = claimed == {POSITIVE}
    return "yes" if there != asks_for_health(question.text, question.observations) else "no"


def _number(text: str) -> str:
    return _only({_digits(word) for word in _NUMBER.findall(text)})


def _digits(word: str) -> str:
    if word in _NUMBERS:
        return str(_NUMBERS.index(word))
    return "0" if word == "none" else str(int(word))


def _word(group: str, text: str) -> str:
    """Return the one name of a group whose words the text holds; left and right together are both sides."""
    names = _names(group)
    found = {name for name, pattern in names.items() if pattern.search(text)}
    if group == "sides" and {"left", "right"} <= found:
        return "bilateral"
    return _only(found)


def _names(group: str) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(rf"\b(?:{'|'.join(words)})\b") for name, words in book("reply")["read"][group].items()}
