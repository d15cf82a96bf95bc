"""The words that the labeler knows, read from the JSON files beside this one as phrases.

A phrase is written in words; `(a|b c|)` gives alternatives, an empty one makes the group optional, and `<name>`
stands for the alternatives of that class. Nouns are also known in their plural.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from medxpert.ontology import NEGATIVE, POSITIVE, UNCERTAIN

_GROUP = re.compile(r"\(([^()]*)\)")
_CLASS = re.compile(r"<(\w+)>")
_STOPS = (".", "!", ";", *(f"{number}{mark}" for number in range(100) for mark in ".)"))
"""Tokens that end a sentence; the numbers open the items of a list."""

_MARKS = {",": "comma", "(": "opening"}
_LETTERS = re.compile(r"[a-z]+")


class Organ(NamedTuple):
    """What the states of an organ mean for an observation."""

    observation: str
    values: Mapping[str, int]
    """Group of states -> label."""
    default: int | None
    """What the organ means where no state is given."""


class Entry(NamedTuple):
    """What a phrase is, and what a reader needs to know of it."""

    kind: str
    """The role: "finding", "organ", "state" or a key of cues.json."""
    observations: tuple[str, ...] = ()
    value: int = POSITIVE
    """What a finding means where no cue changes it."""
    state: str = ""
    organ: Organ = Organ("", {}, None)


def load(name: str) -> dict[str, Any]:
    """Read one of the JSON files beside this module."""
    return json.loads(files("medxpert.mentions").joinpath(name).read_text(encoding="utf-8"))


def written_out(phrase: str, classes: Mapping[str, Iterable[str]]) -> str:
    """Return a phrase with the alternatives of each class in its place."""
    return _CLASS.sub(lambda match: f"({'|'.join(classes[match[1]])})", phrase)


def expand(phrase: str, classes: Mapping[str, Iterable[str]]) -> set[tuple[str, ...]]:
    """Return the word sequences that a phrase stands for."""
    texts = {written_out(phrase, classes)}
    while any(_GROUP.search(text) for text in texts):
        texts = {choice for text in texts for choice in _choices(text)}
    return {tuple(text.split()) for text in texts}


def _choices(text: str) -> list[str]:
    """Return a text with each alternative of its first innermost group."""
    group = _GROUP.search(text)
    if group is None:
        return [text]
    before, after = text[: group.start()], text[group.end() :]
    return [before + choice + after for choice in group[1].split("|")]


def plural(word: str) -> str:
    """Return the regular English plural of a word."""
    if re.search(r"(?:s|x|ch|sh)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def entries() -> Iterator[tuple[tuple[str, ...], Entry]]:
    """Yield every word sequence of the JSON files with its entry."""
    for phrase, entry in templates():
        for words in expand(phrase, {}):
            yield words, entry


def templates() -> Iterator[tuple[str, Entry]]:
    """Yield every phrase of the JSON files, its classes written out, with its entry."""
    for rows in (_findings(), _organs(), _cues()):
        for phrase, entry, classes in rows:
            yield written_out(phrase, classes), entry


def vocabulary() -> set[str]:
    """Return every run of letters in the phrases."""
    return {word for phrase, _ in templates() for word in _LETTERS.findall(phrase)}


def _findings() -> Iterator[tuple[str, Entry, Mapping[str, list[str]]]]:
    book = load("findings.json")
    for group, value in (("findings", POSITIVE), ("vague", UNCERTAIN), ("gone", NEGATIVE)):
        for names, phrases in book[group].items():
            entry = Entry("finding", tuple(names.split("+")), value)
            yield from ((phrase, entry, book["classes"]) for phrase in phrases)
    yield from ((phrase, Entry("finding"), book["classes"]) for phrase in book["nothing"])


def _organs() -> Iterator[tuple[str, Entry, Mapping[str, list[str]]]]:
    book = load("organs.json")
    for state, phrases in book["states"].items():
        yield from ((phrase, Entry("state", state=state), {}) for phrase in phrases)
    for row in book["organs"].values():
        organ = Organ(row.get("observation", ""), row["values"], row.get("default"))
        yield from ((phrase, Entry("organ", organ=organ), {}) for phrase in row["phrases"])


def _cues() -> Iterator[tuple[str, Entry, Mapping[str, list[str]]]]:
    book = load("cues.json")
    for kind, phrases in book.items():
        if kind != "classes":
            yield from ((phrase, Entry(kind), book["classes"]) for phrase in phrases)
    yield from ((stop, Entry("stop"), {}) for stop in _STOPS)
    for mark, kind in _MARKS.items():
        yield mark, Entry(kind), {}
