"""What differs between two versions of a report, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from medxpert.archive.record import Record
from medxpert.documents import wording
from medxpert.reviewing import decided

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
Kind = Literal["same", "added", "gone"]


class Piece(NamedTuple):
    """Words that both versions have, or only one."""

    kind: Kind
    words: str


class Difference(NamedTuple):
    """One part of a report that differs."""

    part: str
    pieces: tuple[Piece, ...]


def differences(before: Record, after: Record) -> list[Difference]:
    """Compare two versions: each finding with its fate, impression, ticked codes, note; what is equal is left out."""
    old, new = dict(_parts(before)), dict(_parts(after))
    names = dict.fromkeys([*old, *new])
    return [
        Difference(name, compared(old.get(name, ""), new.get(name, "")))
        for name in names
        if old.get(name, "") != new.get(name, "")
    ]


def compared(before: str, after: str) -> tuple[Piece, ...]:
    """Compare two texts word by word; what is gone stands before what was added in its place."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return tuple(
        piece
        for step in matcher.get_opcodes()
        for piece in _pieces(step[0], old[step[1] : step[2]], new[step[3] : step[4]])
    )


def _pieces(step: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    if step == "equal":
        yield Piece("same", "".join(old))
        return
    if old:
        yield Piece("gone", "".join(old))
    if new:
        yield Piece("added", "".join(new))


def _parts(record: Record) -> Iterator[tuple[str, str]]:
    report, review = record.exported.report, record.review
    for one in decided(report, review):
        names = ", ".join(dict.fromkeys(finding.observation for finding in one.findings))
        yield f"Finding: {names}", f"{one.sentence} ({one.choice})"
    lines = report.impression if review.impression is None else review.impression
    yield "Impression", " ".join(wording.marked(line).text for line in lines)
    yield "Codes", ", ".join(sorted(review.codes))
    yield "Note", review.note
