"""Labels of the 14 CheXpert observations from the text of a report, by rules alone (Irvin et al., AAAI 2019).

English reports of chest radiographs. The lexicon is data: the JSON files of `medxpert/mentions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from medxpert.mentions.claims import Claim
from medxpert.mentions.events import Phrases, sentences
from medxpert.mentions.places import place
from medxpert.mentions.sentence import Sentence
from medxpert.mentions.tokens import is_foreign, plain, spans, tokens
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, POSITIVE, UNCERTAIN, is_abnormal

Convention = Literal["clinical", "chexpert"]

_TELLING = frozenset({"finding", "organ", "state", "whole"})
_FAILURE = frozenset({"failure", "chf"})


@dataclass(frozen=True, slots=True)
class Mention:
    """One phrase of a report about one observation.

    Attributes:
        value: 1 positive, 0 negative, -1 uncertain.
        start: place of the phrase's first character in the text.
        end: place after its last character.
        sentence: the sentence it stands in, as written.
        side: "left", "right", "bilateral" or "" where not said.
        zone: "upper", "mid", "lower" or "".
        severity: "mild", "moderate", "severe" or "".
    """

    observation: str
    value: int
    start: int
    end: int
    sentence: str
    side: str
    zone: str
    severity: str


class _Read(NamedTuple):
    """One sentence: its phrases and what they claim."""

    phrases: Phrases
    claims: Sequence[Claim]


def label_report(text: str, convention: Convention = "clinical") -> dict[str, int | None]:
    """Label one report.

    The text is findings and impression, or a whole report: sections such as INDICATION, HISTORY, COMPARISON and
    TECHNIQUE are skipped. A bare "lungs are clear" says nothing of the 14.

    Args:
        text: any string. Where it says nothing about a chest in English (no letters, `___`, another language), every
            label is None, No Finding too.
        convention: how several mentions of one observation become one label. "clinical": positive over uncertain over
            negative. "chexpert", as the published labeler does: uncertain where a negative and an uncertain mention
            stand, even beside a positive one; else positive over the others; heart failure is an uncertain
            cardiomegaly, too.

    Returns:
        Each name of `ontology.OBSERVATIONS` -> 1 positive, 0 negative, -1 uncertain, None not mentioned. No Finding is
        1 where nothing but Support Devices is positive or uncertain, else None. No label follows from another.

    Raises:
        KeyError: there is no such convention.
    """
    words = tokens(plain(text))
    read = list(_read(words))
    choose = _CHOICES[convention]
    labels: dict[str, int | None] = dict.fromkeys(OBSERVATIONS)
    if not any(event.entry.kind in _TELLING for sentence in read for event in sentence.phrases.events):
        return labels
    said: dict[str, set[int]] = {}
    for sentence in read:
        for claim in sentence.claims:
            said.setdefault(claim.observation, set()).add(claim.value)
            if convention == "chexpert" and _means_failure(words, claim):
                said.setdefault("Cardiomegaly", set()).add(UNCERTAIN)
    found = {name: choose(values) for name, values in said.items()}
    return labels | found | ({} if is_abnormal(found) else {NO_FINDING: POSITIVE})


def label_reports(texts: Iterable[str], convention: Convention = "clinical") -> list[dict[str, int | None]]:
    """Label reports in their order, as `label_report` does."""
    return [label_report(text, convention) for text in texts]


def mentions(text: str) -> list[Mention]:
    """Return every phrase that a label of the report rests on, sentence by sentence."""
    flat = plain(text)
    words, where = tokens(flat), spans(flat)
    return [mention for read in _read(words) for mention in _mentions(text, words, where, read)]


def _mentions(text: str, words: Sequence[str], where: Sequence[tuple[int, int]], read: _Read) -> Iterator[Mention]:
    sentence = text[where[read.phrases.start][0] : where[read.phrases.stop - 1][1]]
    for claim in read.claims:
        start, end = where[claim.start][0], where[claim.end - 1][1]
        near = place(words, read.phrases, claim)
        yield Mention(claim.observation, claim.value, start, end, sentence, *near)


def _read(words: Sequence[str]) -> Iterator[_Read]:
    if not is_foreign(words):
        for phrases in sentences(words):
            yield _Read(phrases, Sentence(words, phrases.events).claims)


def _clinical(values: set[int]) -> int:
    return POSITIVE if POSITIVE in values else min(values)


def _published(values: set[int]) -> int:
    return UNCERTAIN if {NEGATIVE, UNCERTAIN} <= values else max(values)


def _means_failure(words: Sequence[str], claim: Claim) -> bool:
    return claim.value != NEGATIVE and not _FAILURE.isdisjoint(words[claim.start : claim.end])


_CHOICES: dict[str, Callable[[set[int]], int]] = {"clinical": _clinical, "chexpert": _published}
