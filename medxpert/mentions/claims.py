"""What a phrase says of an observation, and what a cue makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from medxpert.ontology import NEGATIVE, POSITIVE, UNCERTAIN


class Cue(Enum):
    """What the words around a phrase do to it."""

    NONE = "none"
    NEGATIVE = "negative"
    PAST = "past"
    """It was so once and is no longer: "history of", "removed"."""
    UNCERTAIN = "uncertain"
    IGNORED = "ignored"
    """Nothing is said: "evaluate for", "if"."""
    UNCHANGED = "unchanged"
    """It is as before: "no change in"."""


@dataclass(slots=True)
class Claim:
    """What one phrase says of one observation: value 1, 0 or -1, tokens start to end (exclusive)."""

    observation: str
    value: int
    start: int
    end: int


def under(cue: Cue, value: int) -> int | None:
    """Return what a label becomes under a cue; None where nothing is said."""
    if cue is Cue.NONE or cue is Cue.UNCHANGED:
        return value
    if cue is Cue.IGNORED:
        return None
    if cue is Cue.UNCERTAIN:
        return UNCERTAIN if value == POSITIVE else value
    return NEGATIVE
