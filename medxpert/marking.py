"""Which words of a report to mark: those that a query shares with it, and what speaks of the observations asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from medxpert.labeler import Mention, label_report, mentions
from medxpert.mentions.tokens import plain
from medxpert.ontology import NEGATIVE, POSITIVE, UNCERTAIN
from medxpert.reporting import Report

_WORD = re.compile(r"[^\W\d_]+")
_STATED = {"present": (POSITIVE, UNCERTAIN), "uncertain": (POSITIVE, UNCERTAIN), "absent": (NEGATIVE,)}
_AGREEING = {POSITIVE: (POSITIVE, UNCERTAIN), UNCERTAIN: (POSITIVE, UNCERTAIN), NEGATIVE: (NEGATIVE,)}


class Span(NamedTuple):
    """A stretch of a text, `text[start:end]`."""

    start: int
    end: int


class Piece(NamedTuple):
    """A stretch of a text, and whether it is marked."""

    text: str
    marked: bool


Marker = Callable[[str], list[Span]]
"""Returns what to mark of a text: in order, apart from each other."""


def by_query(query: str) -> Marker:
    """Return what marks the words that a text shares with a query, and its mentions of what the query asks for.

    Words count as shared in singular and plural; small words never do. Nothing is marked in a sentence that says only
    the contrary of the query: "no effusion" for "effusion".
    """
    asked = {name: value for name, value in label_report(query).items() if value is not None}
    wanted = {_stem(word) for word in _words(query)} - {""}

    def mark(text: str) -> list[Span]:
        told = [one for one in mentions(text) if one.observation in asked]
        agreeing = [one for one in told if one.value in _AGREEING[asked[one.observation]]]
        denied = _denied(text, told, agreeing)
        words = [span for span in _places(text) if _stem(text[slice(*span)]) in wanted]
        free = [span for span in words if not any(_overlap(span, other) for other in denied)]
        return merged(text, [*free, *_spans(agreeing)])

    return mark


def by_report(report: Report) -> Marker:
    """Return what marks the mentions of what a report calls present or uncertain.

    Where it calls nothing so, what it calls absent is marked where a text denies it, too.
    """
    told = [one for one in report.findings if one.status != "absent"] or report.findings
    return by_observations({one.observation: _STATED[one.status] for one in told})


def by_observations(wanted: Mapping[str, Collection[int]]) -> Marker:
    """Return what marks mentions.

    Args:
        wanted: of `ontology.OBSERVATIONS` -> the values that its mentions are marked with: 1, 0, -1.
    """

    def mark(text: str) -> list[Span]:
        return merged(text, _spans(one for one in mentions(text) if one.value in wanted.get(one.observation, ())))

    return mark


def by_any(*markers: Marker) -> Marker:
    """Return what marks all that one of several markers does."""
    return lambda text: merged(text, [span for marker in markers for span in marker(text)])


def merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Order spans of a text and join those that overlap or have only blanks or hyphens between them."""
    found = list[Span]()
    for span in sorted(spans):
        if found and not text[found[-1].end : span.start].strip(" -\n\t"):
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def pieces(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """Cut a text into what is marked and what is not; joined again they are the text.

    Args:
        text: any string.
        spans: in any order; they may overlap or lie outside the text.
    """
    done = 0
    for start, end in sorted(spans):
        start, end = max(start, done), min(end, len(text))
        if end <= start:
            continue
        if start > done:
            yield Piece(text[done:start], False)
        yield Piece(text[start:end], True)
        done = end
    if done < len(text):
        yield Piece(text[done:], False)


def _denied(text: str, told: Sequence[Mention], agreeing: Sequence[Mention]) -> list[Span]:
    """Return the sentences that say the contrary, or the phrases where a sentence says both."""
    said = [_sentence(text, one) for one in agreeing]
    contrary = [(Span(one.start, one.end), _sentence(text, one)) for one in told if one not in agreeing]
    return [phrase if sentence in said else sentence for phrase, sentence in contrary]


def _sentence(text: str, one: Mention) -> Span:
    length = len(one.sentence)
    start = text.rfind(one.sentence, 0, one.start + length)
    return Span(start, start + length) if start >= 0 else Span(one.start, one.end)


def _spans(told: Iterable[Mention]) -> list[Span]:
    return [Span(one.start, one.end) for one in told]


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _words(text: str) -> list[str]:
    return _WORD.findall(plain(text))


def _places(text: str) -> list[Span]:
    return [Span(*match.span()) for match in _WORD.finditer(plain(text))]


def _stem(word: str) -> str:
    """Return a word without the end of its plural; "" for one that tells nothing."""
    word = word.lower()
    if word in _stop_words():
        return ""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(json.loads(files("medxpert").joinpath("marking.json").read_text(encoding="utf-8"))["stop_words"])
