"""The questions of a split and what the assistant makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from medxpert.exchange import Question, Reply
from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.phantom.facts import Film, Findings, grade_of, graded, side_of
from medxpert.phantom.questions import AskedPhantom
from medxpert.reporting import Change, Severity, Status, Verdict

Verdicts = tuple[Verdict, ...]


class Answerer(NamedTuple):
    """What answers questions; replaceable, so that each of its steps can be measured."""

    understand: Callable[[str], Question]
    reply: Callable[[Question, Verdicts, Sequence[Change] | None], Reply]
    changes: Callable[[Verdicts, Verdicts], Sequence[Change]]
    """From a prior and a current image's verdicts."""


class Answered(NamedTuple):
    """One question, how it was understood, and the answer."""

    asked: AskedPhantom
    understood: Question
    reply: Reply

    @property
    def is_right(self) -> bool:
        """Whether a closed question got its exact answer; one that got none is not right."""
        return self.reply.answerable and self.reply.value.strip().lower() == self.asked.answer

    @property
    def is_understood(self) -> bool:
        """Whether kind, observation, side and severity of the question were read as they were meant."""
        asked, found = self.asked, self.understood
        names = (asked.observation,) if asked.observation else ()
        free = asked.kind == "other" or asked.observation == NO_FINDING
        if found.kind != asked.kind or not (free or found.observations == names):
            return False
        return asked.kind != "presence" or (found.side, found.severity) == (asked.side, asked.severity)


def answer_all(
    asked: Sequence[AskedPhantom], verdicts: Mapping[str, Verdicts], answerer: Answerer
) -> tuple[Answered, ...]:
    """Have every question answered from verdicts by study."""
    understood = {text: answerer.understand(text) for text in dict.fromkeys(one.question for one in asked)}
    answers = []
    for one in asked:
        question, now = understood[one.question], verdicts[one.study_id]
        changes = answerer.changes(verdicts[one.prior_id], now) if one.prior_id else None
        answers.append(Answered(one, question, answerer.reply(question, now, changes)))
    return tuple(answers)


def true_verdicts(film: Film) -> Verdicts:
    """Return what evidence would say that knew the film: an answer still wrong with it was misread or ill-formed.

    Where an observation has two grades they count as mild and severe.
    """
    return tuple(_true(name, film) for name in OBSERVATIONS)


def _true(name: str, film: Film) -> Verdict:
    found = film.shown(name)
    there = bool(found) if name != NO_FINDING else not film.pathologies
    probability = 1.0 if there else 0.0
    if not found:
        status: Status | Literal[""] = "present" if there else "" if name == NO_FINDING else "absent"
        return Verdict(name, status, probability, scores={"truth": probability})
    side, grade = side_of(found), _grade(name, found)
    return Verdict(
        name,
        "present",
        probability,
        laterality=side,
        severity=grade,
        scores={"truth": probability},
        sides={one: float(one == side) for one in ("left", "right", "bilateral")} if side else {},
        severities={one: float(one == grade) for one in ("mild", "moderate", "severe")} if grade else {},
    )


def _grade(name: str, found: Findings) -> Severity:
    if name in graded():
        return grade_of(found)
    grades: tuple[Severity, ...] = ("", "mild", "severe")
    return grades[max(one["severity"] for one in found)]
