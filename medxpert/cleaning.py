"""Report text without what de-identification and layout left in it."""

from __future__ import annotations

import re
from collections.abc import Callable

_ONE = r"(?:_{2,}+|X{4,}+(?:s\b)?|\[\*\*[^\n]*?\*\*\])"
_MARK = rf"{_ONE}(?:(?:[-/,\s]*+(?:and\s+)?){_ONE}){{0,9}}"
_LINK = r"(?:from|dated|on|at|of|by|to|with|since|for|in|and|or|versus|the|an?|than|per|as|between)"
_AGE = rf"{_MARK}[-\s]?(?:year|yr|month|week|day)s?[-\s]+olds?\b,?"
_COMPARED = r"(?:as |when )?(?:compared|in comparison) (?:to|with)"
_UNIT = r"(?:cm|mm|cc|ml|hours?|hrs?|days?|weeks?|months?|years?|yrs?|minutes?|a\.?m\b\.?|p\.?m\b\.?|(?-i:AM|PM))(?!\w)"

_ITEM = re.compile(
    r"(?P<start>^|(?<=[.!?:;])\s+|\s+)\(?(?P<number>\d{1,2})(?:[.)]\s+|\)|\.(?=[A-Z][a-z]))(?=[^\W\d]|\d+[.)]\s|\[)"
)
_UNENDED = re.compile(r"(?<=[^\s.:;!?,])[^\S\n]*\n(?=\s*(?:\(?\d{1,2}[.)]\s+\w|[-*\u2022]\s))")
_BULLET = re.compile(r"^[^\S\n]*[-*\u2022]+[^\S\n]+", re.MULTILINE)
_TITLE = re.compile(r"\b(?:Drs?|Mr|Mrs|Ms)\.?\s*(?=_{2,}|X{4,}|\[\*\*)")
_UNKNOWN = re.compile(rf"(?:^|(?<=[.!?:]\s))(?:The )?{_MARK} (?:is|are|was|were|appears?) (?:\w+ ){{0,2}}\w+\.(?=\s|$)")
"""A sentence whose subject was removed and that says no more than a word of it, such as "The XXXX are intact."."""

_LEAD = re.compile(
    rf"(^|[.!?:]\s+)(?:(?i:{_COMPARED}) {_MARK}\s*,|(?:The )?{_MARK} (?:is|are|was|were)\b"
    rf"|{_AGE}(?:\s*{_MARK})?[,.;]*|{_MARK}[,.;]*(?:\s*(?:and|or)\b)?)\s*([a-z])"
)


def _rule(pattern: str, new: str = "") -> tuple[re.Pattern[str], str]:
    return re.compile(pattern, re.IGNORECASE), new


_RULES = (
    _rule(rf"\ban? {_AGE}", "a "),
    _rule(_AGE, " "),
    _rule(rf"\bx-{_MARK}", "x-ray"),
    _rule(rf"\b(?:non|sub|pre|post)?-{_MARK}|{_MARK}-(?=\w)", " "),
    _rule(
        rf"(?:\s+{_LINK}){{0,6}}\s*(?:\bmeasur(?:ing|es)\s+)?(?:\b(?:approximately|about)\s+)?{_MARK}(?:\s*x\s*{_MARK})*[-\s]*{_UNIT}"
    ),
    _rule(rf",?\s*\b{_COMPARED} (?:the )?{_MARK}(?=\s*(?:[.;)]|$))"),
    _rule(rf"\b(no|any)\s+{_MARK}\s+of\s+(?:an?|the)\b", r"\1"),
    _rule(rf"\b(no|any|the|an?)\s+{_MARK}\s+of\b", r"\1"),
    _rule(rf"\b(of|is|are|no|without|for|with|to)\s+(?:the )?{_MARK},?\s+(?:and|or)\b", r"\1"),
    _rule(rf"\b(and|but)\s+(?:the )?{_MARK}\s+(?:is|are|was|were)\b", r"\1"),
    _rule(rf"(?:\s+{_LINK}\b){{0,6}}\s*{_MARK}(?=\s*(?:[.,;:)]|$)|\s+(?:at|on|by|from|in|of)\b)"),
    _rule(_MARK, " "),
)
"""De-identification marks go, with the words that led to them where nothing follows."""

_REPAIRS = (
    _rule(r"\(\s*[,.;:]*\s*\)", " "),
    _rule(r"\s+(?=[,.;:)](?:\s|$))|(?<=\()\s+"),
    _rule(r",(?:\s*,)+", ","),
    _rule(r"[,;:]+\s*(?=[.;](?:\s|$))"),
    _rule(r"([.!?])(?:\s*[,.;:](?=\s|$))+", r"\1"),
    _rule(r"^[\s,.;:]+(?=\s|\w|$)"),
    _rule(r"[\s,;:]+$"),
    _rule(r"\s+", " "),
)


_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters, marks without width, and what turns the direction of reading."""
_BLANKS, _LINES = re.compile(r"[^\S\n]{2,}"), re.compile(r"\s*\n\s*\n\s*")


def settled(change: Callable[[str], str], text: str) -> str:
    """Apply a change until the text stays as it is; each round takes something away."""
    while (changed := change(text)) != text:
        text = changed
    return text


def clean(text: str) -> str:
    """Make a text fit for a model: one line, no de-identification marks, no numbering of lists, no bullets.

    Marks are `___` (MIMIC-CXR), `XXXX` (Open-i) and `[**...**]` (MIMIC-III). They go with the prepositions that led to
    them ("as of ___.") and with what said nothing else ("Compared to ___, the", "The XXXX are intact."); a list item
    in a line of its own ends in a full stop. Numbers that belong to the words stay: "2.5 cm", "T12", "rib 3".
    Cleaning twice changes nothing.
    """
    return settled(_cleaned, text)


def _cleaned(text: str) -> str:
    text = _UNSEEN.sub(" ", text)
    # long runs of blanks would cost time by their square below
    text = _LINES.sub("\n\n", _BLANKS.sub(" ", text))
    text = _unnumbered(_BULLET.sub("", _UNENDED.sub(".\n", text)))
    text = _UNKNOWN.sub("", _TITLE.sub("", " ".join(text.split())))
    text = _LEAD.sub(lambda match: match[1] + match[2].upper(), text)
    for rules in (_RULES if re.search(_ONE, text) else (), _REPAIRS):
        for pattern, new in rules:
            text = pattern.sub(new, text)
    return text.strip()


def _unnumbered(text: str) -> str:
    """Drop the numbers of a list: at the start of a line or sentence, or one more than the item before."""
    last = 0

    def drop(match: re.Match[str]) -> str:
        nonlocal last
        before = text[: match.end("start")]
        opens = not before.strip() or "\n" in match["start"] or before.rstrip().endswith((".", "!", "?", ":", ";"))
        if not opens and not (int(match["number"]) == last + 1 > 1 and text[match.end()].isupper()):
            return match[0]
        last = int(match["number"])
        return match["start"] if opens else "." + match["start"]

    return _ITEM.sub(drop, text)
