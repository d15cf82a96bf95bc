"""In which order tables list the contenders of a split, and what they call them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from medxpert.evaluation.subject import FREQUENT, ORACLE, PIXEL, Subject

_NAMES = {FREQUENT: "most frequent", PIXEL: "pixel baseline", ORACLE: "oracle ceiling"}


class Contender(NamedTuple):
    """One row of a table."""

    key: str
    """In `Subject.vectors`."""
    name: str
    kind: Literal["reference", "main"]


def contenders(subject: Subject) -> list[Contender]:
    """List who placed the studies of a split: cheap baselines, starting weights, main contender, oracle."""
    order = (FREQUENT, PIXEL, *subject.stages, ORACLE)
    return [
        Contender(key, _NAMES.get(key, key), "main" if key == subject.main else "reference")
        for key in order
        if key in subject.vectors
    ]
