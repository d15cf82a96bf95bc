"""The words that questions are made of, read from `naming.json` and `kinds.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from medxpert.checker.lexicon import understood
from medxpert.mentions.lexicon import load
from medxpert.mentions.tokens import is_foreign

NAMED = "OBS"
"""Stands for an observation in a masked question; all other words are in lower case."""
FOREIGN = "NIL"
"""Stands for a finding that is none of the 14."""


class Topic(NamedTuple):
    """Something that a chest radiograph cannot tell."""

    reason: str
    pattern: re.Pattern[str]


class Naming(NamedTuple):
    """A pattern, and the observations that its match names."""

    pattern: re.Pattern[str]
    observations: tuple[str, ...]


@cache
def book(name: str) -> dict[str, Any]:
    """Read one of the JSON files beside this module."""
    words: dict[str, Any] = json.loads(files("medxpert.questions").joinpath(f"{name}.json").read_text("utf-8"))
    return words


@cache
def form(name: str) -> re.Pattern[str]:
    """Return a form of question by its key in `kinds.json`; several patterns become alternatives."""
    told: str | list[str] = book("kinds")[name]
    pattern = told if isinstance(told, str) else "|".join(told)
    return re.compile(pattern.replace("<links>", "|".join(_links())))


@cache
def topics(group: str) -> tuple[Topic, ...]:
    """Return what cannot be told.

    "outside" and "unmasked" count whatever else is asked, "context" only where no observation is asked about.
    """
    return tuple(Topic(reason, re.compile(pattern)) for reason, pattern in book("kinds")[group])


@cache
def namings(group: str) -> tuple[Naming, ...]:
    """Return the phrases of "observations" or "regions" beside the labeler's."""
    return tuple(Naming(re.compile(pattern), tuple(names)) for pattern, names in book("naming")[group])


@cache
def rewrites() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return pattern and replacement of spellings that mean the same."""
    return tuple((re.compile(pattern), new) for pattern, new in book("naming")["rewrites"])


@cache
def places(group: str) -> Mapping[str, str]:
    """Return word -> name of "sides" or "severities", of more than one letter."""
    rows = [load("places.json")[group], book("naming")[group]]
    return {word: name for row in rows for name, words in row.items() for word in words if len(word) > 1}


@cache
def known() -> frozenset[str]:
    """Return the words that a question about an observation may hold without being about something else."""
    return understood().union(book("kinds")["known"], book("kinds")["english"], _links())


def is_english(words: Sequence[str]) -> bool:
    """Tell whether words, in lower case, look like English: by small words, then by the share that is known."""
    english = frozenset(book("kinds")["english"])
    own, other = english.intersection(words), (frozenset(book("kinds")["foreign"]) - english).intersection(words)
    if is_foreign(words) or len(other) > len(own):
        return False
    share = sum(word in known() for word in words) / max(len(words), 1)
    return len(words) < _FEW or share >= _LEAST_SHARE


_FEW, _LEAST_SHARE = 4, 0.2


@cache
def _links() -> frozenset[str]:
    """Return the words that may stand between "is there" and an observation."""
    return frozenset(book("kinds")["links"]).union(places("sides"), places("severities"))
