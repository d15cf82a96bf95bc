"""What a question names: observations, a side, a severity; and the question with its observations masked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from medxpert.mentions.events import Event, sentences
from medxpert.mentions.tokens import spans, tokens
from medxpert.ontology import OBSERVATIONS
from medxpert.questions.phrases import FOREIGN, NAMED, namings, places, rewrites
from medxpert.reporting import Severity, Side

_NEAR = 3
"""Words that may stand between an organ and its state: "heart is not enlarged"."""
MIDLINE = frozenset({"Cardiomegaly", "Enlarged Cardiomediastinum"})
"""Observations that have no side."""
_PARTS = frozenset({"Fracture", "Pleural Other"})
"""Observations whose organs, bones and pleura, are parts of the chest like the lungs (`naming.json`)."""
_LARGE = re.compile(r"\b(?:big|large)\b")
"""Said of an organ, these ask whether it is enlarged, not how much."""
_BOTH = re.compile(
    r"\bboth\b(?! (?:the |of the |his |her |my )?(?:\w+ )?"
    r"(?:lungs?|sides?|hemithora\w+|bases|apices|lobes|pleura\w*|ribs|clavicles|fields|zones)\b)"
)
"""Does not say where something is: "both an effusion and a pneumothorax"."""


class Named(NamedTuple):
    """What a question names.

    Attributes:
        plain: the question in lower case, with its spellings made one.
        masked: the same, with OBS for each observation and NIL for a finding that is none of the 14.
        observations: in the order of `ontology.OBSERVATIONS`; none where none is named.
        sides: that are named, each once.
        severities: likewise.
    """

    plain: str
    masked: str
    observations: tuple[str, ...]
    sides: tuple[str, ...]
    severities: tuple[str, ...]

    @property
    def side(self) -> Side:
        """The side, where it is one; left and right together are both."""
        joined = self.sides if "bilateral" not in self.sides else ("bilateral",)
        return cast(Side, "bilateral" if len(joined) > 1 else "".join(joined))

    @property
    def severity(self) -> Severity:
        """The severity, where it is one."""
        return cast(Severity, self.severities[0] if len(self.severities) == 1 else "")


class _Span(NamedTuple):
    start: int
    end: int
    observations: tuple[str, ...]
    is_organ: bool = False


def plain(text: str) -> str:
    """Return a question in lower case, with contractions and hyphens undone and politeness left out."""
    flat = unicodedata.normalize("NFKC", text).lower()
    flat = "".join(letter for letter in flat if unicodedata.category(letter) != "Cf")
    for pattern, new in rewrites():
        flat = pattern.sub(new, flat)
    return flat.strip()


def name(text: str) -> Named:
    """Find what a question names; of nested phrases the first of `naming.json`, then the labeler's longest."""
    flat = plain(text)
    found = _settled(sorted(_spans(flat)), flat)
    masked, end = "", 0
    for one in found:
        masked += flat[end : one.start] + (NAMED if one.observations else FOREIGN)
        end = one.end
    masked += flat[end:]
    told = {observation for one in found for observation in one.observations}
    # A side may stand inside a phrase ("broken left ribs"); a severity there is part of it ("big heart").
    sides, severities = _said("sides", _both_sides(flat)), _said("severities", masked)
    if told and told <= MIDLINE:
        sides, severities = (), _said("severities", _LARGE.sub(" ", masked))
    return Named(flat, masked, tuple(one for one in OBSERVATIONS if one in told), sides, severities)


def region(masked: str) -> tuple[str, ...]:
    """Return the observations of the part of the chest that a masked question names; none where it names none."""
    told = {one for naming in namings("regions") if naming.pattern.search(masked) for one in naming.observations}
    return tuple(one for one in OBSERVATIONS if one in told)


def _spans(flat: str) -> Iterator[_Span]:
    rest = flat
    for naming in namings("observations"):
        for match in naming.pattern.finditer(rest):
            yield _Span(match.start(), match.end(), naming.observations)
        rest = naming.pattern.sub(lambda match: " " * len(match[0]), rest)
    words, where = tokens(rest), spans(rest)
    for phrases in sentences(words):
        for event in phrases.events:
            one = _span(event, where)
            if one is not None:
                yield one


def _span(event: Event, where: Sequence[tuple[int, int]]) -> _Span | None:
    start, end = where[event.start][0], where[event.end - 1][1]
    if event.entry.kind == "finding":
        return _Span(start, end, event.entry.observations)
    organ = event.entry.organ.observation
    names_one = event.entry.kind == "organ" and organ and organ not in _PARTS
    return _Span(start, end, (organ,), True) if names_one else None


def _settled(found: Sequence[_Span], flat: str) -> list[_Span]:
    """Leave out organs that only say where a finding is: "consolidation behind the heart"."""
    named = [one for one in found if not one.is_organ and one.observations]
    return [one for one in found if not one.is_organ or not named or _has_state(one, flat)]


def _has_state(one: _Span, flat: str) -> bool:
    return bool(
        re.match(
            rf"\W+(?:\w+\W+){{0,{_NEAR}}}?(?:enlarged|widened|normal|big|blunted|broken|intact)\b", flat[one.end :]
        )
    )


def _both_sides(flat: str) -> str:
    return flat if flat.rstrip(" ?.!").endswith("both") else _BOTH.sub(" ", flat)


def _said(group: str, text: str) -> tuple[str, ...]:
    names = places(group)
    return tuple(dict.fromkeys(names[word] for word in re.findall(r"[a-z]+", text) if word in names))
