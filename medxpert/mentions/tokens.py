"""A report as words: sections that tell nothing about today's film blanked, sentence ends made plain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from medxpert.mentions.lexicon import load

_LINE_END = re.compile(r"\n(?=[ \t]*(?:\n|[-*•]|\d{1,2}[.)]|[A-Z][a-z]|[A-Z ]{4,40}:))")
_QUESTION_END = re.compile(r"(?<=\w)\?")
_TOKEN = re.compile(
    r"\d+(?:[.,]\d+)+|\b(?:dr|mr|mrs|ms|vs|approx)\.|(?<![\w.,])\d{1,2}[.)](?=\s|$|[a-z])|[^\W_]+|[.,;:!?/]|(?<=\s)\("
)


def plain(text: str) -> str:
    """Return the text in lower case and of the same length, with sections about other things blanked.

    Lines that end a sentence, and question marks after a word, end in a full stop.
    """
    if ":" in text:
        text = _skipped().sub(lambda match: "." + " " * (len(match[0]) - 1), text)
    if "\n" in text:
        text = _LINE_END.sub(".", text)
    if "?" in text:
        text = _QUESTION_END.sub(".", text)
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(_lower(letter) for letter in text)


def tokens(text: str) -> list[str]:
    """Split a plain text into words, numbers and the marks that matter."""
    return _TOKEN.findall(text)


def spans(text: str) -> list[tuple[int, int]]:
    """Return where each token of a plain text starts and ends."""
    return [match.span() for match in _TOKEN.finditer(text)]


def is_foreign(words: Sequence[str]) -> bool:
    """Tell whether words look like another language than English.

    They do with more of its small words than English ones and at least three, or with a word that denies in it and no
    English small word.
    """
    english, other, negators = _small_words()
    foreign, own = other.intersection(words), english.intersection(words) - other
    if not own and negators.intersection(words):
        return True
    return len(foreign) >= 3 and len(foreign) > len(english.intersection(words))


def _lower(letter: str) -> str:
    lower = letter.lower()
    return lower if len(lower) == 1 else letter


@cache
def _small_words() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    book = load("languages.json")
    return frozenset(book["english"]), frozenset(book["other"]), frozenset(book["negators"])


@cache
def _skipped() -> re.Pattern[str]:
    """Match a section about other things: to the next header or blank line, or else its first sentence."""
    names = {key: "|".join(re.escape(name) for name in headers) for key, headers in load("sections.json").items()}
    start = rf"(?:(?<![^\n])[ \t]*(?i:{names['skipped']})|\b(?:{names['skipped'].upper()}))[ \t]*:"
    headers = "|".join(names.values())
    stop = rf"(?:\n[ \t]*(?:\n|(?i:{headers})[ \t]*:)|\b(?:{headers.upper()})[ \t]*:)"
    return re.compile(rf"{start}(?:(?s:.*?)(?={stop})|[^.\n]*)")
