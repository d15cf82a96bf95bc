"""The phrases of the lexicon in a report, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from medxpert.mentions.lexicon import Entry
from medxpert.mentions.tree import Node, tree

MAX_EVENTS = 200
"""A sentence with more phrases than this is read in pieces, so that any text takes time in proportion to its length."""


class Event(NamedTuple):
    """A phrase of the lexicon: what it is, and the places of its words, start to end (exclusive)."""

    entry: Entry
    start: int
    end: int


class Phrases(NamedTuple):
    """The phrases of one sentence, whose words stand at the places start to stop (exclusive)."""

    events: list[Event]
    start: int
    stop: int


def sentences(words: Sequence[str]) -> Iterator[Phrases]:
    """Yield the sentences that hold a phrase, each with the longest phrases from left to right."""
    root = tree()
    events: list[Event] = []
    start = place = 0
    while place < len(words):
        node = root.get(words[place])
        event = None if node is None else _longest(node, words, place)
        if event is None:
            place += 1
            continue
        if event.entry.kind != "stop":
            events.append(event)
        if event.entry.kind == "stop" or len(events) == MAX_EVENTS:
            if events:
                yield Phrases(events, start, place if event.entry.kind == "stop" else event.end)
            events, start = [], event.end
        place = event.end
    if events:
        yield Phrases(events, start, len(words))


def _longest(node: Node | None, words: Sequence[str], start: int) -> Event | None:
    """Return the longest phrase at a place; node is what the first word leads to."""
    entry, end = None, start
    place = start + 1
    while node is not None:
        if node.entry is not None:
            entry, end = node.entry, place
        if place == len(words):
            break
        node = node.get(words[place])
        place += 1
    return None if entry is None else Event(entry, start, end)
