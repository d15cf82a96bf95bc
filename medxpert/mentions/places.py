"""Side, zone and severity of a mention, from the words around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from medxpert.mentions.claims import Claim
from medxpert.mentions.events import Event, Phrases
from medxpert.mentions.lexicon import load

_FENCES = frozenset({"finding", "break", "soft break"})
_BOTH = {"left", "right"}


class Place(NamedTuple):
    """Where a finding is and how severe; empty where the words do not say."""

    side: str
    """ "left", "right" or "bilateral"."""
    zone: str
    """ "upper", "mid" or "lower"."""
    severity: str
    """ "mild", "moderate" or "severe"."""


def place(words: Sequence[str], phrases: Phrases, claim: Claim) -> Place:
    """Read the words between the phrases next to a claim of the sentence, those before it first."""
    fences = [event for event in phrases.events if _is_fence(event, claim) and event.start != claim.start]
    start = max((event.end for event in fences if event.end <= claim.start), default=phrases.start)
    stop = min((event.start for event in fences if event.start >= claim.end), default=phrases.stop)
    before, after = words[start : claim.end], words[claim.end : stop]
    return Place(*(_said(names, before) or _said(names, after) for names in _names()))


def _is_fence(event: Event, claim: Claim) -> bool:
    """Tell whether the words beyond a phrase are about something else; "lung base" and a fractured rib say where."""
    organ = event.entry.organ.observation
    return event.entry.kind in _FENCES or bool(organ and organ != claim.observation)


def _said(names: Mapping[str, str], words: Sequence[str]) -> str:
    found = [names[word] for word in words if word in names]
    return "bilateral" if set(found) == _BOTH else found[-1] if found else ""


@cache
def _names() -> tuple[Mapping[str, str], ...]:
    """Return word -> name for sides, zones and severities."""
    book = load("places.json")
    keys = ("sides", "zones", "severities")
    return tuple({word: name for name, words in book[key].items() for word in words} for key in keys)
