"""All phrases of the lexicon as a tree of words, grown where somebody looks: a report touches few of its branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from medxpert.mentions.lexicon import Entry, plural, templates

_INFLECTED = frozenset({"finding", "organ", "whole"})
"""The kinds of phrase that are also known in the plural."""


class Node:
    """A place in the tree: the words that may follow, and the entry of the phrase that ends here.

    Args:
        rests: what is left of each phrase that leads through here, its `(a|b c|)` still in it.
    """

    def __init__(self, rests: Iterable[tuple[str, Entry]]) -> None:
        self._followers: dict[str, dict[tuple[str, int], tuple[str, Entry]]] = {}
        self._plurals: dict[str, str] = {}
        self._nodes: dict[str, Node | None] = {}
        self.entry: Entry | None = None
        for rest, entry in rests:
            for word, left in heads(rest):
                self._admit(word, left, entry)

    def _admit(self, word: str, left: str, entry: Entry) -> None:
        if not word:
            self.entry = entry
            return
        self._followers.setdefault(word, {})[left, id(entry)] = left, entry
        if entry.kind in _INFLECTED:
            self._plurals.setdefault(plural(word), word)

    def get(self, word: str) -> Node | None:
        """Return where a word leads; the plural of a noun leads where the noun leads."""
        if word not in self._nodes:
            self._nodes[word] = self._grown(word)
        return self._nodes[word]

    def _grown(self, word: str) -> Node | None:
        if word in self._followers:
            return Node(self._followers[word].values())
        return self.get(self._plurals[word]) if word in self._plurals else None


def heads(text: str) -> set[tuple[str, str]]:
    """Return each first word that a phrase can have, and what is left behind it; ("", "") where it can be empty."""
    found: set[tuple[str, str]] = set()
    texts = {text.lstrip()}
    while texts:
        text = texts.pop()
        word, _, rest = text.partition(" ")
        opening = word.find("(")
        closing = _closing(text, opening)
        if closing is None:
            found.add((word, rest.strip()))
        else:
            choices = _alternatives(text[opening + 1 : closing])
            texts.update((text[:opening] + choice + text[closing + 1 :]).lstrip() for choice in choices)
    return found


def _closing(text: str, opening: int) -> int | None:
    """Return where a group ends; None where there is none."""
    depth = 0
    for place in range(opening, len(text)) if opening >= 0 else ():
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return None


def _alternatives(group: str) -> Iterator[str]:
    """Yield the alternatives of a group; groups within them stay."""
    depth = start = 0
    for place, letter in enumerate(group):
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and depth == 0:
            yield group[start:place]
            start = place + 1
    yield group[start:]


@cache
def tree() -> Node:
    """Return the root of the tree of all phrases."""
    return Node(templates())
