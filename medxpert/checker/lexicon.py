"""The words that the checker knows beside the labeler's, read from `words.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from medxpert.mentions.lexicon import load, plural, vocabulary
from medxpert.ontology import PATHOLOGIES


class General(NamedTuple):
    """A form that denies several observations at once: "the lungs are clear"."""

    pattern: re.Pattern[str]
    observations: tuple[str, ...]


@cache
def book() -> dict[str, Any]:
    """Return the whole of `words.json`."""
    words: dict[str, Any] = json.loads(files("medxpert.checker").joinpath("words.json").read_text("utf-8"))
    return words


@cache
def generals() -> tuple[General, ...]:
    """Return the forms that deny several observations at once."""
    return tuple(
        General(re.compile(row["pattern"]), PATHOLOGIES if row["observations"] == "all" else tuple(row["observations"]))
        for row in book()["denials"]
    )


@cache
def neutral() -> re.Pattern[str]:
    """Match a whole sentence that says nothing about a patient."""
    return re.compile(f"(?:in the similar cases )?(?:{'|'.join(book()['neutral'])})")


@cache
def filling() -> frozenset[str]:
    """Return the words that assert nothing by themselves: "the", "seen", "left", "base"."""
    places = load("places.json")
    return frozenset(book()["filling"]).union(*(words for group in places.values() for words in group.values()))


@cache
def understood() -> frozenset[str]:
    """Return the words that a clause with a mention may hold: filling words, and all that the labeler reads."""
    read = vocabulary()
    return (filling() | read | {plural(word) for word in read}) - set(book()["reversing"])


@cache
def listed(group: str) -> re.Pattern[str]:
    """Match any word of a group: "beyond", "comparison", "finer" or "others"."""
    patterns: str | Sequence[str] = book()[group]
    return re.compile(patterns if isinstance(patterns, str) else "|".join(patterns))


def words_of(group: str, text: str) -> tuple[str, ...]:
    """Return the words of a group in a text, each once."""
    return tuple(dict.fromkeys(match[0] for match in listed(group).finditer(text.lower())))


KINDS: Mapping[str, str] = book()["kinds"]
"""Kind of problem -> what it means, for readers."""
