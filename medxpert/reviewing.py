"""What a reader decides about a report: each finding accepted, edited or rejected, codes ticked, words changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from medxpert.checker.draft import Checked, check
from medxpert.checker.weighing import worst
from medxpert.documents import wording
from medxpert.documents.values import items, one_of, text, texts
from medxpert.errors import DataError
from medxpert.overruling import Overruled, Said, left, weighed
from medxpert.recalling import recalled, rewritten
from medxpert.reporting import Case, Diagnosis, Draft, Finding, Problem, Report

Choice = Literal["open", "accepted", "edited", "rejected"]
CHOICES: tuple[Choice, ...] = ("open", "accepted", "edited", "rejected")
"""Of findings that share a sentence, the last of these counts."""
REVIEW = "review"
"""Key of `Report.provenance`: who reviewed the report and when, and how many findings met which fate."""
_WHOLE = frozenset({"contradiction", "omitted", "empty"})
"""Kinds of problem that are about the report as a whole, so that they are found anew."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one finding.

    Attributes:
        choice: "open" where nobody has looked yet.
        sentence: as edited; "" for all choices but "edited".
    """

    choice: Choice = "open"
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What a reader made of a report.

    Attributes:
        decisions: one per finding of the report, in its order.
        codes: the ICD-10-CM codes that were ticked.
        impression: sentences in place of the report's; None where they stay.
        note: of the reader, for other readers; no part of the report.
    """

    decisions: tuple[Decision, ...] = ()
    codes: frozenset[str] = frozenset()
    impression: tuple[str, ...] | None = None
    note: str = ""

    def counts(self, report: Report) -> dict[Choice, int]:
        """Return how many findings of a report met which fate.

        Raises:
            DataError: the review is of another report.
        """
        told = Counter(one.choice for one in decided(report, self) for _ in one.findings)
        return {choice: told[choice] for choice in CHOICES}


class Decided(NamedTuple):
    """The findings of one sentence, which share a fate."""

    findings: Sequence[Finding]
    choice: Choice
    sentence: str
    """As it is printed; as edited where it was."""


def decided(report: Report, review: Review) -> list[Decided]:
    """Return what was decided about each sentence of the findings.

    Findings that share a sentence share the strictest fate: rejected before edited, edited before accepted. A sentence
    that was edited to nothing, or not at all, counts as open.

    Raises:
        DataError: the review has another number of findings than the report.
    """
    given = review.decisions or (Decision(),) * len(report.findings)
    if len(given) != len(report.findings):
        raise DataError(
            f"review: expected {len(report.findings)} decisions, one per finding, found {len(given)}; "
            "it is of another report: review this one anew"
        )
    left = iter(given)
    return [_decided(group, [next(left) for _ in group]) for group in wording.by_sentence(report.findings)]


def _decided(group: Sequence[Finding], own: Sequence[Decision]) -> Decided:
    sentence = group[0].sentence
    choice = max((one.choice for one in own), key=CHOICES.index)
    if choice != "edited":
        return Decided(group, choice, sentence)
    edited = next((one.sentence.strip() for one in own if one.choice == "edited" and one.sentence.strip()), sentence)
    return Decided(group, "open" if edited == sentence else "edited", edited)


def reviewed(report: Report, review: Review, who: str, when: datetime) -> Report:
    """Return what is printed of a report after its review.

    Rejected findings are gone, and so are sentences of the impression and diagnoses that say nothing else. Edited
    sentences are read again and weighed against the evidence of the report: their fields say what they say, and their
    support is what the evidence gives them. What the impression still says against the reader is marked. Where codes
    were ticked, only these stay. `provenance["review"]` says who, when and how many findings met which fate.

    Args:
        report: as it was drafted and checked.
        review: of this report.
        who: reviewed it.
        when: with its zone.

    Raises:
        DataError: the review is of another report.
    """
    fates, case = decided(report, review), recalled(report)
    provenance = {**report.provenance, REVIEW: _told(report, review, who, when)}
    if report.abstained:
        return replace(report, provenance=provenance)
    groups = [_kept(one, case) for one in fates]
    overruled, lines = _overruled(fates, groups), _lines(report, review)
    said = [weighed(line, overruled, review.impression is not None) for line in lines]
    stay = tuple(wording.marked(one.text).text for one in said if one.text)
    checked = check(Draft(tuple(one for group in groups for one in group), stay), case)
    problems = [*_problems(report, fates, lines, checked), *(one.problem for one in said if one.problem)]
    return replace(
        report,
        findings=tuple(_findings(fates, groups, checked)),
        impression=_impression(report, said, checked),
        diagnoses=tuple(_diagnoses(report, review, overruled)),
        problems=tuple(dict.fromkeys(problems)),
        provenance=provenance,
    )


def _kept(one: Decided, case: Case) -> list[Finding]:
    """Return the findings that a sentence stands for: none if rejected, those that it names if edited."""
    if one.choice == "rejected":
        return []
    if one.choice != "edited":
        return list(one.findings)
    return rewritten(one.findings, one.sentence, case)


def _findings(fates: Sequence[Decided], groups: Sequence[Sequence[Finding]], checked: Checked) -> Iterator[Finding]:
    """Yield edited findings as the checker reads them, the others as they were unless they are contradicted now."""
    new = iter(checked.findings)
    denied = {one.text for one in checked.problems if one.kind == "contradiction" and one.where == "findings"}
    for fate, group in zip(fates, groups, strict=True):
        for one in group:
            yield _weighed(one, next(new), fate.choice == "edited", denied)


def _weighed(old: Finding, new: Finding, edited: bool, denied: Set[str]) -> Finding:
    if edited or old.support is None:
        return new if edited else old
    return replace(old, support=worst([old.support, "weak"])) if old.sentence in denied else old


def _overruled(fates: Sequence[Decided], findings: Sequence[Sequence[Finding]]) -> dict[str, Overruled]:
    told: dict[str, Overruled] = {}
    for fate, group in zip(fates, findings, strict=True):
        now = {one.observation: one for one in group}
        if fate.choice in ("edited", "rejected"):
            told |= {one.observation: Overruled(one, now.get(one.observation)) for one in fate.findings}
    return told


def _lines(report: Report, review: Review) -> tuple[str, ...]:
    """Return the impression, where it is edited with the checker's marks on the sentences that were not touched."""
    if review.impression is None:
        return tuple(line for line in report.impression if line.strip())
    known = {wording.marked(line).text: line for line in report.impression}
    return tuple(known.get(line, line) for line in map(str.strip, review.impression) if line)


def _impression(report: Report, said: Sequence[Said], checked: Checked) -> tuple[str, ...]:
    """Return the sentences that stay; what is new has the mark that the checker gives it."""
    stay = zip((one for one in said if one.text), checked.impression, strict=True)
    return tuple(one.text if one.problem or one.text in report.impression else new for one, new in stay)


def _diagnoses(report: Report, review: Review, overruled: Mapping[str, Overruled]) -> Iterator[Diagnosis]:
    drafted = not review.codes and review.impression is None and all(one.choice == "open" for one in review.decisions)
    for one in report.diagnoses:
        if left(one, overruled):
            ticked = tuple(code for code in one.icd10 if code.code in review.codes)
            yield one if drafted else replace(one, icd10=ticked)


def _problems(report: Report, fates: Sequence[Decided], lines: Sequence[str], checked: Checked) -> Iterator[Problem]:
    """Yield the old problems of what still stands, and the new ones of what was written."""
    gone = {one.findings[0].sentence for one in fates if one.choice in ("rejected", "edited")}
    gone |= {wording.marked(line).text for line in report.impression} - {wording.marked(line).text for line in lines}
    written = {one.sentence for one in fates if one.choice == "edited"} | (set(lines) - set(report.impression))
    yield from (one for one in report.problems if one.kind not in _WHOLE and one.text not in gone)
    yield from (one for one in checked.problems if one.kind in _WHOLE or one.text in written)


def _told(report: Report, review: Review, who: str, when: datetime) -> dict[str, Any]:
    return {
        "who": who,
        "when": when.isoformat(timespec="seconds"),
        **{str(choice): count for choice, count in review.counts(report).items()},
        "impression": "as drafted" if review.impression is None else "edited",
        "codes ticked": sorted(review.codes),
    }


def as_json(review: Review) -> dict[str, Any]:
    """Return a review as JSON values."""
    return {
        "decisions": [{"choice": one.choice, "sentence": one.sentence} for one in review.decisions],
        "codes": sorted(review.codes),
        "impression": None if review.impression is None else list(review.impression),
        "note": review.note,
    }


def from_json(values: Any) -> Review:
    """Return the review that `as_json` made values of.

    Raises:
        DataError: they are not of this form.
    """
    try:
        impression = values["impression"]
        return Review(
            tuple(Decision(one_of(one["choice"], Choice), text(one["sentence"])) for one in items(values["decisions"])),
            frozenset(texts(values["codes"])),
            None if impression is None else texts(impression),
            text(values["note"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"review: expected decisions, codes, impression and note, found other values ({error!r}); review it anew"
        ) from error
