"""What became of two studies that were compared; each pair once in a session, and seen by no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from time import perf_counter
from typing import Any, NamedTuple

from medxpert.app.comparing.studies import Slot, Study
from medxpert.app.holding import Holding
from medxpert.app.opening import Opened
from medxpert.comparison.difference import Difference, difference
from medxpert.errors import MedXpertError
from medxpert.images.files import ImageFile, load_whole
from medxpert.reporting import Report
from medxpert.words import Policy

MOST = 8
"""Pairs held in a session."""
SIDE_PX = 256
"""Of the pictures that are laid over each other."""
_ORDERS = {
    "; swap image= and prior=": "; swap them",
    "; give an earlier image as prior=": "; choose an earlier one",
    "; give an earlier image of the same patient as prior=": "; choose an earlier one of the same patient",
}


class Asked(NamedTuple):
    """What a comparison belongs to."""

    earlier: str
    """sha256 of the image."""
    current: str
    policy: Policy
    run: str
    """Its folder."""


class Compared(NamedTuple):
    """What became of two studies.

    Attributes:
        report: on the current image, compared with the earlier one; None where they cannot be compared.
        difference: between the pictures; likewise.
        refusal: why they cannot be compared; "" where they can.
        seconds: that it took.
    """

    report: Report | None
    difference: Difference | None
    refusal: str = ""
    seconds: float = 0.0


_HELD: Holding[Asked, Compared] = Holding("compare.held", MOST)


def held(state: MutableMapping[Any, Any], asked: Asked) -> Compared | None:
    """Return what the session holds; it then counts as just used."""
    return _HELD.get(state, asked)


def hold(state: MutableMapping[Any, Any], asked: Asked, one: Compared) -> None:
    """Hold a comparison in the session, at most `MOST`."""
    _HELD.put(state, asked, one)


def compare(opened: Opened, chosen: Mapping[Slot, Study], policy: Policy, say: Callable[[str], None]) -> Compared:
    """Have two studies compared, in words and as pictures; what forbids it is told by the names of the files.

    Args:
        opened: the run.
        chosen: the two studies.
        policy: the strictest of both.
        say: is told in a few words what is done next.
    """
    start = perf_counter()
    earlier, current = chosen["earlier"], chosen["current"]
    try:
        answer = opened.assistant.under(policy, say).ask_image(current.kept.path, prior=earlier.kept.path)
        say("laying the pictures over each other")
        before, now = (load_whole(ImageFile(one.kept.path), SIDE_PX) for one in (earlier, current))
        told = difference(before, now)
    except MedXpertError as error:
        return Compared(None, None, named(str(error), chosen))
    return Compared(answer.report, told, seconds=perf_counter() - start)


def named(message: str, chosen: Mapping[Slot, Study]) -> str:
    """Return a message with what its user calls the files, and with what can be done on a screen."""
    earlier, current = (chosen[slot] for slot in ("earlier", "current"))
    message = message.replace(f"image={current.kept.path} prior={earlier.kept.path}", "These two studies")
    for told, instead in _ORDERS.items():
        message = message.replace(told, instead)
    for one in (earlier, current):
        message = message.replace(str(one.kept.path), one.title)
    return message
