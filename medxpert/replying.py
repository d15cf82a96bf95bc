"""From a question to a checked reply: offline from the evidence, or by a model through the privacy gate and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from medxpert.exchange import Question, Reply
from medxpert.gating import Circumstances, Gate, Request
from medxpert.questions.check import check
from medxpert.questions.reply import reply
from medxpert.reporting import Case, Change
from medxpert.scrubbing import renaming

_OURS = ("other", "change")
"""Kinds that no model is asked about: what no film tells, and comparisons, of which it sees one image only."""


@runtime_checkable
class Answerer(Protocol):
    """A reporter that also answers questions."""

    def answer(self, case: Case, question: Question) -> Reply:
        """Answer a question about a case.

        Raises:
            RemoteError: the model failed for good; the message says how and what to do.
        """
        ...

    def preview_question(self, case: Case, question: Question) -> str:
        """Return exactly what would be sent, keys left out and pictures named by their size."""
        ...


@dataclass(frozen=True)
class Replying:
    """Has questions answered and checks what a model answers.

    Attributes:
        gate: before the reporter; where that cannot answer, or may not, the reply follows from the evidence alone.
    """

    gate: Gate

    def reply(self, question: Question, case: Case, at: Circumstances, changes: Sequence[Change] | None) -> Reply:
        """Answer a question about an image.

        Args:
            question: as it was understood.
            case: what is known of the image.
            at: what decides where it may go.
            changes: against a prior image; None without one.

        Raises:
            ConfigError: the audit log cannot be written; nothing was sent.
        """
        own = reply(question, case.verdicts, changes, case.doubt)
        if question.kind in _OURS or not isinstance(self.gate.reporter, Answerer):
            return own
        told = self.gate.ask(replace(case, query=question.text), at, _request(question))
        if told.answer is None:
            return replace(own, fallback_reason=told.reason)
        return check(replace(told.answer, question=question.text), question, case.verdicts, changes, case.doubt)


def _request(question: Question) -> Request[Reply]:
    """Ask what the reduced case asks: its query is the question, scrubbed where the case is."""
    return Request(
        ask=lambda reporter, case: reporter.answer(case, replace(question, text=case.query)),
        preview=lambda reporter, case: reporter.preview_question(case, replace(question, text=case.query)),
        restore=_restored,
    )


def _restored(answer: Reply, aliases: Mapping[str, str]) -> Reply:
    evidence = tuple(aliases.get(name.strip().lower(), name) for name in answer.evidence)
    return replace(answer, answer=renaming(aliases)(answer.answer), evidence=evidence)
