"""Sides and severities that the labeler gives to one phrase too many or too few.

The labeler looks for them between the phrases before and after a finding. For a check that is too wide in "edema and a
large right effusion", whose words belong to the effusion alone, and too narrow in "left rib fracture", where the rib
ends the search.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from medxpert.labeler import Mention, mentions
from medxpert.mentions.lexicon import load

_STRONG = re.compile(r"/|\b(?:or|with|but|plus)\b|(?!(?<=left )and right\b)(?!(?<=right )and left\b)\band\b")
_LITTLE = r"(?:and|or|with|but|plus|no|not|without|is|are)\b"
_COMMA = re.compile(r",")
_MIDLINE = frozenset({"Cardiomegaly", "Enlarged Cardiomediastinum"})
"""Observations that have no side; a side in their sentence is about something else."""


def settled(text: str, found: Sequence[Mention]) -> list[Mention]:
    """Return the mentions of a text with the sides and severities that are theirs."""
    # Some capitals have two small letters; the places in the text must stay.
    text = "".join(letter.lower()[:1] for letter in text)
    bounds = [_between(text, one, after) for one, after in pairwise(found)]
    # "Opacity in the right base, likely pneumonia" is about one place: only a word ends what stands before it.
    starts, stops = [None, *(bound if bound and bound[0] != "," else None for bound in bounds)], [*bounds, None]
    narrow = [_narrowed(text, *each) for each in zip(found, starts, stops, strict=False)]
    return [_widened(text, one, found) for one in narrow]


def _between(text: str, one: Mention, after: Mention) -> re.Match[str] | None:
    """Find the conjunction between two mentions of one sentence."""
    if one.sentence != after.sentence or one.end > after.start:
        return None
    return _STRONG.search(text, one.end, after.start) or _COMMA.search(text, one.end, after.start)


def _narrowed(text: str, one: Mention, start: re.Match[str] | None, stop: re.Match[str] | None) -> Mention:
    """Read the place of a mention from the words between the conjunctions around it."""
    first, last = start.end() if start else 0, stop.start() if stop else len(text)
    if not (start or stop) or not (one.side or one.severity or one.zone):
        return one
    for other in mentions(text[first:last]):
        if (other.observation, other.start + first) == (one.observation, one.start):
            return replace(one, side=other.side, zone=other.zone, severity=other.severity)
    return one


def _widened(text: str, one: Mention, found: Sequence[Mention]) -> Mention:
    """Give a mention without side or severity those of the three words before it, or the side of its sentence.

    The side of the sentence counts only where the sentence is about nothing else.
    """
    before = text[: one.start]
    side = one.side or _adjective("sides", before)
    alone = all(other.observation == one.observation for other in found if other.sentence == one.sentence)
    if not side and alone and one.observation not in _MIDLINE:
        side = _anywhere("sides", one.sentence.lower())
    return replace(one, side=side, severity=one.severity or _adjective("severities", before))


def _adjective(group: str, before: str) -> str:
    match = re.search(rf"{_either(group)}(?:-sided)? (?:(?!{_LITTLE})[\w-]+ ){{0,2}}$", before)
    return _names(group)[match[1]] if match else ""


def _anywhere(group: str, sentence: str) -> str:
    said = {_names(group)[match[1]] for match in re.finditer(_either(group) + r"\b", sentence)}
    return "bilateral" if len(said) > 1 else "".join(said)


@cache
def _names(group: str) -> dict[str, str]:
    return {word: name for name, words in load("places.json")[group].items() for word in words if len(word) > 1}


@cache
def _either(group: str) -> str:
    return rf"\b({'|'.join(sorted(_names(group), key=len, reverse=True))})"
