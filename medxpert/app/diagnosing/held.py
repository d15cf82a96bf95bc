"""The answers that one session holds: each image is asked about once, and no other session sees what came of it."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.answer import Answer
from medxpert.app.holding import Holding
from medxpert.app.opening import Opened
from medxpert.app.uploads import Kept
from medxpert.assistant import Shown
from medxpert.exchange import Exported
from medxpert.locating.locator import Located
from medxpert.reviewing import Review
from medxpert.words import Policy

MOST = 12
"""Answers held in a session."""


class Asked(NamedTuple):
    """What an answer belongs to."""

    content: str
    """The image's sha256."""
    policy: Policy
    run: str
    """Its folder."""


class Placed(NamedTuple):
    """Where the score of one observation comes from, over the picture."""

    heat: NDArray[np.float32]
    """[h, w] in 0..1, of the picture alone."""
    peak: tuple[float, float]
    """y and x in 0..1 of the picture."""
    located: Located


@dataclass
class Held:
    """One answer and what this session made of it.

    Attributes:
        answer: of the assistant.
        exported: what the editor and the exporters are given.
        seconds: that it took.
        review: what the reader has decided so far; None before the report was read.
        preview: what a dry run would have sent.
        shape: height and width of the picture within the square that the model sees; None before somebody asked.
        placed: observation -> where its score comes from, as far as somebody looked.
    """

    answer: Answer
    exported: Exported
    seconds: float
    review: Review | None = None
    preview: str = ""
    shape: tuple[int, int] | None = None
    placed: dict[str, Placed] = field(default_factory=dict)


_HELD: Holding[Asked, Held] = Holding("diagnose.held", MOST)


def held(state: MutableMapping[Any, Any], asked: Asked) -> Held | None:
    """Return what the session holds; it then counts as just used."""
    return _HELD.get(state, asked)


def hold(state: MutableMapping[Any, Any], asked: Asked, one: Held) -> None:
    """Hold an answer in the session, at most `MOST`."""
    _HELD.put(state, asked, one)


def forget(state: MutableMapping[Any, Any], asked: Asked) -> None:
    """Drop an answer, to have it made again."""
    _HELD.drop(state, asked)


def answered(opened: Opened, kept: Kept, policy: Policy, top_k: int, say: Callable[[str], None]) -> Held:
    """Ask the assistant about an image.

    Args:
        opened: the run.
        kept: the image.
        policy: of the image.
        top_k: similar cases; fewer where the run has no more.
        say: is told in a few words what is done next.

    Raises:
        ImageError: the image cannot be read.
        ConfigError: the audit log cannot be written; nothing was sent.
    """
    start = perf_counter()
    shown = Shown(min(top_k, len(opened.assistant.gallery)))
    answer = opened.assistant.under(policy, say).ask_image(kept.path, shown)
    return Held(answer, opened.delivery.exported(answer), perf_counter() - start)
