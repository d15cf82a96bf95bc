"""Sentences without their references to earlier studies; the lexicon is data in `priors.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

_CLASS = re.compile(r"<(\w+)>")
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_END = re.compile(r"[.!?\s]+$")
_CLAUSE = re.compile(r"\s*(?:;|, (?:and|but|while|with|although|though)\b|(?<= present) (?:and|with|but)\b)\s*")
_ARTICLE = re.compile(r"\b([Aa])n?(?= (\w+))")
_NUMBER = re.compile(r"(?:\d{1,2}[.)]\s+)*")
_REPAIRS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"\(\s*\)", ""),
        (r"\s+(?=[,.;:)])", ""),
        (r",(?:\s*,)+", ","),
        (r"[,;:](?=[.;])", ""),
        (r"^(?:[\s,.;:]|(?:and|but|with|that)\s)+", ""),
        (r"(?:,? (?:and|but|which|also))+$", ""),
        (r"[\s,;:]+$", ""),
        (r"\s+", " "),
    )
)


class _Rewrite(NamedTuple):
    pattern: re.Pattern[str]
    new: str | Mapping[str, str]
    """What takes the place; for a table, the entry of the match's first word."""

    def apply(self, text: str) -> str:
        if isinstance(self.new, str):
            return self.pattern.sub(self.new, text)
        table = self.new
        return self.pattern.sub(lambda match: table[match[0].split()[0].casefold()], text)


class _Lexicon(NamedTuple):
    whole: tuple[re.Pattern[str], ...]
    """Sentences that only compare."""
    rewrites: tuple[_Rewrite, ...]
    neutral: frozenset[str]
    """Words that say nothing once the comparison is gone."""


@cache
def _lexicon() -> _Lexicon:
    book = json.loads(files("medxpert").joinpath("priors.json").read_text(encoding="utf-8"))
    return _Lexicon(
        tuple(_compiled(pattern, book) for pattern in book["whole"]),
        tuple(_Rewrite(_compiled(pattern, book), new) for pattern, new in book["rewrites"]),
        frozenset(book["neutral"]),
    )


def _compiled(pattern: str, book: Mapping[str, Any]) -> re.Pattern[str]:
    """Compile a pattern in which `<name>` stands for the alternatives of a class."""
    while _CLASS.search(pattern):
        pattern = _CLASS.sub(lambda match: f"(?:{'|'.join(book['classes'][match[1]])})", pattern)
    return re.compile(pattern, re.IGNORECASE)


def without_prior(sentence: str) -> str:
    """Return a sentence without comparison to an earlier study, "" where it says nothing else.

    A sentence of no comparison is returned as it is.
    """
    lexicon = _lexicon()
    number = _NUMBER.match(sentence)[0]  # type: ignore[index]
    core = _END.sub("", sentence[len(number) :])
    if any(pattern.fullmatch(core) for pattern in lexicon.whole):
        return ""
    changed = core
    for rewrite in lexicon.rewrites:
        changed = rewrite.apply(changed)
    if changed == core:
        return sentence
    changed = _repaired(_telling(changed, lexicon.neutral), core)
    return changed and number + changed + sentence[len(number + core) :].strip()


def _telling(text: str, neutral: frozenset[str]) -> str:
    """Leave out the clauses that say nothing."""
    kept, start = "", 0
    for match in [*_CLAUSE.finditer(text), None]:
        end, stop = match.span() if match else (len(text), len(text))
        clause = text[start:end]
        if not neutral.issuperset(_WORD.findall(clause.casefold())):
            kept += clause if not kept else text[start - _gap(text, start) : end]
        start = stop
    return kept


def _gap(text: str, start: int) -> int:
    """Return the length of the link that ends where a clause starts."""
    return next((start - match.start() for match in _CLAUSE.finditer(text) if match.end() == start), 0)


def _repaired(text: str, source: str) -> str:
    for pattern, new in _REPAIRS:
        text = pattern.sub(new, text)
    text = _ARTICLE.sub(lambda match: _article(match, source), text)
    return text[:1].upper() + text[1:]


def _article(match: re.Match[str], source: str) -> str:
    """Return "a" or "an" as the next letter asks, where another word follows the article than in the source."""
    if f"{match[0]} {match[2]}".casefold() in source.casefold():
        return match[0]
    return match[1] + ("n" if match[2][0] in "aeioAEIO" else "")
