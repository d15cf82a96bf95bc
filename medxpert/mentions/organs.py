"""Organs ("heart size") and the states ("enlarged", "normal") that a clause gives them."""

from __future__ import annotations

from typing import NamedTuple

from medxpert.mentions.claims import Claim, Cue, under
from medxpert.mentions.events import Event
from medxpert.mentions.lexicon import Organ
from medxpert.ontology import NEGATIVE


class State(NamedTuple):
    """A group of states in organs.json, and the cue that its words stand under."""

    name: str
    cue: Cue


class _Waiting(NamedTuple):
    event: Event
    cue: Cue
    earlier: State | None
    """The state of an organ before it, which counts if no other follows: "normal heart size and contours"."""


class Organs:
    """The organs of one clause.

    Attributes:
        waiting: organs that a following state describes.
        ahead: a state that stands right before the next organ.
    """

    def __init__(self) -> None:
        self.waiting: list[_Waiting] = []
        self.ahead: State | None = None
        self._earlier: State | None = None
        self._described = False

    def meet(self, event: Event, cue: Cue) -> list[Claim]:
        """Take an organ; return what the state right before it says."""
        if self.ahead is not None:
            self._earlier, self.ahead = self.ahead, None
            return _claims(event, self._earlier)
        if self._described:
            self.waiting, self._described = [], False
        if self.waiting and self.waiting[-1].event.end == event.start:
            self.waiting.pop()
        self.waiting.append(_Waiting(event, cue, self._earlier))
        return []

    def describe(self, state: State) -> list[Claim]:
        """Return what a state says of the organs before it."""
        self._described = bool(self.waiting)
        return [claim for waiting in self.waiting for claim in _claims(waiting.event, state)]

    def settle(self) -> list[Claim]:
        """End the clause: return what the organs without a state mean by themselves."""
        left = () if self._described else self.waiting
        self.waiting = []
        return [claim for event, cue, earlier in left for claim in _claims(event, earlier or State("", cue))]


def _claims(event: Event, state: State) -> list[Claim]:
    """Return what a state says of an organ; "not normal" says nothing."""
    organ: Organ = event.entry.organ
    value = organ.values.get(state.name, organ.default)
    if value is None or (value == NEGATIVE and state.cue is Cue.NEGATIVE):
        return []
    value = under(state.cue, value)
    return [] if value is None else [Claim(organ.observation, value, event.start, event.end)]
