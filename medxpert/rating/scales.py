"""What readers rate a report by; the levels and their defining sentences are data in `scales.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from medxpert.errors import DataError


class Level(NamedTuple):
    """One level of a scale, with the sentence that defines it."""

    value: int
    label: str
    sentence: str


class Scale(NamedTuple):
    """One thing that is rated; its levels in ascending order of their values."""

    name: str
    title: str
    question: str
    levels: tuple[Level, ...]

    @property
    def values(self) -> tuple[int, ...]:
        """Of all levels."""
        return tuple(level.value for level in self.levels)

    def level(self, value: int) -> Level:
        """Return the level of a value."""
        return next(level for level in self.levels if level.value == value)


@cache
def scales() -> tuple[Scale, ...]:
    """Return all scales in the order in which they are asked."""
    told = json.loads(files("medxpert.rating").joinpath("scales.json").read_text(encoding="utf-8"))
    return tuple(
        Scale(one["name"], one["title"], one["question"], tuple(Level(*level) for level in one["levels"]))
        for one in told
    )


def check_values(values: Mapping[str, int]) -> None:
    """Refuse ratings that lack a scale or name a level that it has not.

    Raises:
        DataError: the message says which.
    """
    for scale in scales():
        if values.get(scale.name) not in scale.values:
            levels = ", ".join(map(str, scale.values))
            raise DataError(f"{scale.title}: expected one of {levels}, found {values.get(scale.name)}; choose a level")
