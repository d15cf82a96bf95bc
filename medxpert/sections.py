"""A radiology report as sections: headers as they are written, misspelt ones too, are data in `sections.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

BODY = "body"
"""Text under a heading that names the film or an organ: the findings, where no section bears that name."""

_RULE = re.compile(r"^[^\S\n]*_{6,}[^\S\n]*$|_{12,}", re.MULTILINE)
_FINAL = re.compile(r"(?:\A\s*|^[^\S\n]*(?=[A-Z ]+:?\s*$))(?:FINAL|PRELIMINARY) REPORT\b[^\S\n]*:?", re.MULTILINE)
_OPENING = re.compile(r"\s*(?:(ADDENDUM|Addendum\b[^\S\n]*:)|(WET READ))")
_WET_READ = re.compile(r"\s*(WET READ)\b(?: VERSION #?\d+)?[^\S\n]*:?(.*)")
_ADDENDUM = re.compile(r"\s*ADDENDUM(?: ?#?\d+)?\b[^\S\n]*[:.]?(.*)")
_STAMP = re.compile(
    r"(?:_+|\d+[\d:/.-]*|[AaPp]\.?[Mm]\b\.?|(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b|[\s,.#]+)*"
)
_HEAD = re.compile(r"\s*([A-Za-z](?:[^:]|(?<=\d):(?=\d)){1,80}?)\s*(?::(?!\d)(.*))?$", re.DOTALL)
_INLINE = re.compile(r"(?<=[.?!)_:])[^\S\n]+(?=([A-Z][A-Za-z /&,()]{2,40}):\s*(?:[^\sa-z]|$))")
_FLAT = re.compile(r"[^\S\n]+(?=([A-Z][A-Za-z /&,()]{2,40}):\s*(?:[^\sa-z]|$))")
"""The blank before a header within a line: after the end of a sentence, or anywhere in a flattened report."""

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_ENDS = (".", ":", "!", "?", ")", "_", ";")
_LONGEST_NAME = 40
_FULL_LINE = 60
"""A line of at least so many characters may have been broken by the layout, within a sentence."""


class Part(NamedTuple):
    """A stretch of the report: the section it belongs to, and its lines."""

    name: str
    title: str
    """The heading as written, of a film or an organ; else empty."""
    lines: list[str]

    @property
    def text(self) -> str:
        """The lines in one."""
        return fold("\n".join(self.lines))


def fold(text: str) -> str:
    """Return the text in one line, with single spaces."""
    return " ".join(text.split())


@cache
def book() -> dict[str, Any]:
    """Read `sections.json`."""
    return json.loads(files("medxpert").joinpath("sections.json").read_text(encoding="utf-8"))


@cache
def _names() -> dict[str, str]:
    return {variant: name for name, variants in book()["names"].items() for variant in variants}


@cache
def _organs() -> frozenset[str]:
    return frozenset(book()["organs"])


@cache
def _exam_words() -> tuple[frozenset[str], frozenset[str]]:
    exam = book()["exam"]
    return frozenset(exam["nouns"]), frozenset(exam["nouns"] + exam["words"])


def parts(report: str) -> list[Part]:
    """Cut a report at its headers, in order; what stands before the first one has the name ""."""
    blocks = list(_blocks(report.replace("\r\n", "\n").replace("\r", "\n")))
    found = list[Part]()
    for number, block in enumerate(blocks):
        opening = _OPENING.match(block)
        if opening and number + 1 < len(blocks):
            found.append(_aside(block, "addendum" if opening[1] else "wet_read"))
        else:
            found.extend(_sections(block))
    return found


def _blocks(report: str) -> Iterator[str]:
    """Yield what lies between lines of underscores and the lines "FINAL REPORT"."""
    for block in _RULE.split(report) if "______" in report else [report]:
        pieces = _FINAL.split(block) if " REPORT" in block else [block]
        yield from (piece for piece in pieces if piece.strip())


def _aside(block: str, name: str) -> Part:
    """Return an addendum or a wet read, headers of its own included."""
    lines = [_plain_line(line) for line in block.split("\n")]
    return Part(name, "", lines)


def _plain_line(line: str) -> str:
    if match := _WET_READ.match(line):
        return _unstamped(match[2])
    return match[1] if (match := _ADDENDUM.match(line)) else line


def _unstamped(line: str) -> str:
    """Drop who read the film and when."""
    return line[match.end() :] if (match := _STAMP.match(line)) else line


def _sections(block: str) -> list[Part]:
    found = [Part("", "", [])]
    before = ""
    for line in _broken(block).split("\n"):
        part = None if _is_late_addendum(found) else _header(line, before, found[-1])
        if part is None:
            found[-1].lines.append(line)
        else:
            found.append(part)
        before = line
    return found


def _broken(block: str) -> str:
    """Start a line at each header within a line, but not for a section that has a line of its own."""
    pattern = _FLAT if "\n" not in block.strip() else _INLINE
    has_line: dict[str, bool] = {}

    def broken(match: re.Match[str]) -> str:
        head = match[1]
        if not _is_inline(head, block[max(0, match.start() - _LONGEST_NAME) : match.start()]):
            return match[0]
        if head not in has_line:
            has_line[head] = re.search(rf"(?:\A|\n)[^\S\n]*{re.escape(head)}[^\S\n]*:", block) is not None
        return match[0] if has_line[head] else "\n"

    return pattern.sub(broken, block)


def _is_inline(head: str, before: str) -> bool:
    """Tell whether a word with a colon is a header, and not the end of a longer one ("FINDINGS AND IMPRESSION:")."""
    if not (head in book()["inline"] or (head.isupper() and head.casefold() in _names())):
        return False
    words = before.casefold().split()[-3:]
    return not any(" ".join([*words[start:], head.casefold()]) in _names() for start in range(len(words)))


def _is_late_addendum(found: Sequence[Part]) -> bool:
    """Tell whether the rest is an addendum: one that comes after what it adds to."""
    return found[-1].name == "addendum" and any(part.name in {"findings", "impression", BODY} for part in found)


def _header(line: str, before: str, current: Part) -> Part | None:
    """Return the section that a line opens, if it does."""
    if ":" not in line and not (line.isupper() or line.istitle()):
        return None
    match = _HEAD.match(line)
    if match is None:
        return None
    head, rest = match[1], match[2]
    key = fold(head).casefold()
    name = _names().get(key)
    if name:
        opens = _stands_alone(head, name, before) if rest is None else _opens(head, before)
        text = _unstamped(rest or "") if name == "wet_read" else rest or ""
        return Part(name, "", [text]) if opens else None
    if not head.isupper() and rest is None:
        return None
    return _capital_header(head, key, rest, current)


def _capital_header(head: str, key: str, rest: str | None, current: Part) -> Part | None:
    if head.startswith("WET READ"):
        return Part("wet_read", "", [_unstamped(rest or "")])
    if head.startswith("ADDENDUM"):
        return Part("addendum", "", [head.removeprefix("ADDENDUM"), rest or ""])
    if head.isupper() and (near := _near(key)):
        return Part(near, "", [rest or ""])
    if current.name in book()["kept"] and not (current.name == BODY and not current.text):
        return None
    if is_exam(head):
        return Part(BODY, fold(head), [rest or ""])
    return Part(BODY, "", [f"{head}: {rest}"]) if rest and key in _organs() else None


def _opens(head: str, before: str) -> bool:
    """Tell whether a known name with a colon is a header, not a word that the layout put at the start of a line."""
    return head.isupper() or len(before.rstrip()) < _FULL_LINE or before.rstrip().endswith(_ENDS)


def _stands_alone(head: str, name: str, before: str) -> bool:
    """Tell whether a known name without a colon, alone in its line, is a header."""
    ended = not before.strip() or before.rstrip().endswith(_ENDS)
    if head.isupper():
        return ended or not before.isupper()
    return ended and head.istitle() and name in {"findings", "impression", "indication", "history", "technique"}


def is_exam(text: str) -> bool:
    """Tell whether a text does nothing but name the film, such as "CHEST, PA AND LATERAL, 10:45 AM"."""
    nouns, words = _exam_words()
    said = _WORD.findall(text.casefold())
    return any(word in nouns for word in said) and all(word in words for word in said)


@cache
def _near(key: str) -> str:
    """Return the main section that a header misses by one letter, or "" where there is none."""
    return next((name for name in book()["near"] if is_near(key, name)), "")


def is_near(word: str, name: str) -> bool:
    """Tell whether two words differ by one letter added, lost or replaced, or by two neighbours swapped."""
    if abs(len(word) - len(name)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(word, name, strict=False)) if a != b), min(len(word), len(name)))
    a, b = word[start:], name[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def paragraphs(text: str) -> list[str]:
    """Return what blank lines divide, each with its line breaks."""
    return [piece for piece in _BLANK_LINE.split(text) if piece.strip()]


def join(texts: Iterable[str]) -> str:
    """Join texts in order, without the empty ones."""
    return " ".join(filter(None, texts))
