"""What the rest of a report says against a reader who rejected or rewrote one of its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from medxpert.checker.draft import UNSUPPORTED
from medxpert.checker.reading import Claim, read
from medxpert.documents import wording
from medxpert.reporting import Diagnosis, Finding, Problem

_ASSERTED = ("present", "uncertain")


class Overruled(NamedTuple):
    """One observation of which a reader says something else than the draft."""

    before: Finding
    now: Finding | None
    """None where the reader rejected it, or left it out of an edited sentence."""


class Said(NamedTuple):
    """A sentence of the impression after a reader overruled findings."""

    text: str
    """With a mark where it speaks against the reader; "" where it says nothing but what was rejected."""
    problem: Problem | None = None


def weighed(line: str, overruled: Mapping[str, Overruled], chosen: bool = False) -> Said:
    """Compare a sentence of the impression with what a reader overruled.

    Args:
        line: with the checker's mark, where it has one.
        overruled: observation -> what the reader made of its finding.
        chosen: the reader wrote the impression: nothing is left out of it.
    """
    claims = _claims(line)
    against = [one for one in claims if _contradicts(one, overruled.get(one.observation))]
    if not against:
        return Said(line)
    text = wording.marked(line).text
    gone = not chosen and all(_is_rejected(one, overruled) for one in claims)
    told = "; ".join(dict.fromkeys(_differ(one, overruled[one.observation]) for one in against))
    problem = Problem("contradiction", "impression", text, told, "dropped" if gone else "marked")
    return Said("" if gone else text + UNSUPPORTED, problem)


def left(diagnosis: Diagnosis, overruled: Mapping[str, Overruled]) -> bool:
    """Tell whether a diagnosis names anything that the reader did not reject."""
    claims = _claims(wording.marked(diagnosis.name).text)
    gone = (_is_gone(overruled.get(one.observation)) for one in claims)
    return not claims or not all(gone)


def _claims(text: str) -> Sequence[Claim]:
    reading = read(wording.marked(text).text)
    denied = (name for one in reading.denials if not one.others for name in one.observations)
    own = {one.observation for one in reading.claims}
    return [*reading.claims, *(Claim(name, "absent") for name in dict.fromkeys(denied) if name not in own)]


def _is_rejected(claim: Claim, overruled: Mapping[str, Overruled]) -> bool:
    one = overruled.get(claim.observation)
    return one is not None and one.now is None and _contradicts(claim, one)


def _is_gone(one: Overruled | None) -> bool:
    """Tell whether nobody asserts any more what the draft asserted."""
    if one is None or one.before.status not in _ASSERTED:
        return False
    return one.now is None or one.now.status == "absent"


def _contradicts(claim: Claim, one: Overruled | None) -> bool:
    if one is None:
        return False
    if one.now is None:
        return (claim.status in _ASSERTED) == (one.before.status in _ASSERTED)
    if claim.status != one.now.status:
        return True
    pairs = (claim.side, one.now.laterality), (claim.severity, one.now.severity)
    return any(said and meant and said != meant for said, meant in pairs)


def _differ(claim: Claim, one: Overruled) -> str:
    said = ", ".join(word for word in (claim.status, claim.side, claim.severity) if word)
    meant = "rejected it" if one.now is None else f"says {wording.qualities(one.now)}"
    return f"{claim.observation}: the sentence says {said}, the reader {meant}"
