"""What a sentence of a report asserts, read back from its words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from medxpert.checker.lexicon import filling, generals, listed, neutral, understood, words_of
from medxpert.checker.places import settled
from medxpert.labeler import Mention, mentions
from medxpert.ontology import NEGATIVE, POSITIVE, UNCERTAIN
from medxpert.reporting import Severity, Side, Status

_STATUS: dict[int, Status] = {POSITIVE: "present", UNCERTAIN: "uncertain", NEGATIVE: "absent"}
_PIECE = re.compile(r"[^\n]+?(?:[.!?;]+(?=\s|$)|$)", re.MULTILINE)
_LAST_LATIN = "\u024f"
"""Letters beyond may look like Latin ones, and the labeler would not read them."""
_BREAK = re.compile(r"[,()]|\b(?:and|or|with|but|plus|although|though|while|whereas|however)\b")
_WORD = re.compile(r"[^\W\d_]{2,}|(?<![\w-])\d[\d.,]*|\w*\d{3,}\w*|(?:\b[^\W\d_] ){2,}[^\W\d_]\b")
"""A word, a number, or a word spelled out."""
_EDGES = " \t\r.,;!?"


class Claim(NamedTuple):
    """One assertion about one observation."""

    observation: str
    status: Status
    side: Side = ""
    severity: Severity = ""


class Denial(NamedTuple):
    """An assertion that none of several observations is there: "the lungs are clear", "normal chest radiograph"."""

    observations: tuple[str, ...]
    others: bool
    """What the report asserts elsewhere is not meant: "otherwise normal"."""

    def meant(self, asserted: frozenset[str]) -> tuple[str, ...]:
        """Return what is denied in a report that asserts some observations."""
        return tuple(name for name in self.observations if not (self.others and name in asserted))


class Reading(NamedTuple):
    """What a text asserts, and which of its words nobody can check."""

    claims: tuple[Claim, ...]
    denials: tuple[Denial, ...]
    unread: tuple[str, ...]
    """Its sentences that assert nothing of the 14 and are no neutral form."""
    partial: tuple[str, ...]
    """Clauses of its other sentences of which a part is not understood."""
    beyond: tuple[str, ...]
    """Words for what no evidence here is about."""
    comparison: tuple[str, ...]
    """Words for change and for earlier images."""
    finer: tuple[str, ...]
    """Words that are more exact about the place or device than any evidence."""

    def about(self, observation: str) -> list[Claim]:
        """Return what is claimed of one observation, general denials included."""
        denied = any(observation in denial.observations for denial in self.denials)
        own = [claim for claim in self.claims if claim.observation == observation]
        return own or ([Claim(observation, "absent")] if denied else [])


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """Read a text of one or more sentences.

    Headings are no sections: what follows "History:" is printed in the report, so it is read like the rest.
    """
    flat = re.sub(r": *", " ", _visible(text))
    found = settled(flat, mentions(flat))
    pieces = [match for match in _PIECE.finditer(flat) if any(letter.isalpha() for letter in match[0])]
    said = [piece for piece in pieces if not neutral().fullmatch(_plain(piece[0]))]
    told = " ".join(piece[0] for piece in said)
    unread = tuple(piece[0].strip() for piece in said if not _is_read(piece, found))
    return Reading(
        claims=tuple(dict.fromkeys(_claim(one) for one in found)),
        denials=tuple(dict.fromkeys(denial for piece in pieces for denial in _denials(piece[0]))),
        unread=unread if pieces or not text.strip() else (text.strip(),),
        partial=tuple(clause for piece in said if _is_read(piece, found) for clause in _unread_clauses(piece, found)),
        beyond=words_of("beyond", told),
        comparison=words_of("comparison", told),
        finer=words_of("finer", told) + _zones(found),
    )


def _is_read(piece: re.Match[str], found: Sequence[Mention]) -> bool:
    if any(letter.isalpha() and letter > _LAST_LATIN for letter in piece[0]):
        return False
    inside = any(piece.start() <= one.start < piece.end() for one in found)
    return inside or any(True for _ in _denials(piece[0]))


def _unread_clauses(piece: re.Match[str], found: Sequence[Mention]) -> Iterator[str]:
    """Yield the clauses of which a part is not understood.

    A clause without any mention may hold filling words and general denials; one with mentions the words of the
    labeler as well. Numbers and spelled out letters are never understood.
    """
    masked = _without_known(piece[0].lower())
    breaks = [match.span() for match in _BREAK.finditer(masked)]
    starts, stops = [0, *(end for _, end in breaks)], [*(start for start, _ in breaks), len(masked)]
    for start, stop in zip(starts, stops, strict=True):
        said = any(one.start < piece.start() + stop and piece.start() + start < one.end for one in found)
        words = _WORD.findall(masked[start:stop])
        if not (understood() if said else filling()).issuperset(words):
            yield piece[0][start:stop].strip(_EDGES)


def _without_known(text: str) -> str:
    """Blank general denials and the words that are reported anyway."""
    for pattern in (*(general.pattern for general in generals()), listed("beyond"), listed("comparison")):
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return text


def _denials(piece: str) -> Iterator[Denial]:
    lower = _plain(piece)
    for general in generals():
        if general.pattern.search(lower):
            yield Denial(general.observations, bool(listed("others").search(lower)))


def _claim(one: Mention) -> Claim:
    return Claim(one.observation, _STATUS[one.value], cast(Side, one.side), cast(Severity, one.severity))


def _zones(found: Sequence[Mention]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{one.zone} zone" for one in found if one.zone and one.value != NEGATIVE))


def _visible(text: str) -> str:
    """Return a text as a reader sees it: wide and joined letters made plain, invisible ones left out."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")


def _plain(piece: str) -> str:
    """Return a sentence in lower case, without the marks around it and with single spaces."""
    return " ".join(piece.lower().split()).strip(_EDGES)
