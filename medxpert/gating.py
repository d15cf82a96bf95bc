"""From a case through the privacy gate to a reporter: what may go, in what form, noted before and after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

from medxpert.audit import Audit, Outcome, Sending
from medxpert.errors import RemoteError
from medxpert.privacy import Decision, decide
from medxpert.reporting import Case, RemoteReporter, Reporter
from medxpert.scrubbing import Scrubbed, scrubbed
from medxpert.words import Policy

T = TypeVar("T")

DRY_RUN = "dry run: nothing was sent"
GIVEN_UP = 3
"""Failures in a row after which a reporter is asked no more: in a batch, each one takes minutes."""
log = logging.getLogger(__name__)


class Circumstances(NamedTuple):
    """What decides where a case may go, and how the audit log names it."""

    query: Policy
    evidence: Policy
    model: Policy
    content: bytes
    """Of the query: the image's pixels or the text; only its hash is kept."""
    burned_in: str = ""
    """BurnedInAnnotation of the image, "YES", "NO" or "" where nobody said."""


class Request(NamedTuple, Generic[T]):
    """What is wanted of a reporter."""

    ask: Callable[[Any, Case], T]
    """Given a reporter and a case."""
    preview: Callable[[Any, Case], str]
    """Exactly what would be sent."""
    restore: Callable[[T, Mapping[str, str]], T]
    """Puts study ids in the place of aliases."""


class Told(NamedTuple, Generic[T]):
    """What came of it."""

    answer: T | None
    """None where the reporter may not or cannot."""
    reason: str
    """Why there is none; "" where there is one."""
    decision: Decision


@dataclass
class Gate:
    """Stands before one reporter.

    Attributes:
        reporter: behind it.
        audit: where each decision to send or to refuse is noted.
        confirm_no_text: somebody looked, and no text that names a person is burned into the image.
        show: is given what a dry run would send.
    """

    reporter: Reporter
    audit: Audit = field(default_factory=Audit)
    confirm_no_text: bool = False
    show: Callable[[str], None] = log.info
    _failures: int = field(default=0, init=False)

    def decision(self, at: Circumstances) -> Decision:
        """Ask whether and how a case may reach the reporter."""
        place, pixels = self.reporter.endpoint, self.reporter.send_image
        return decide(at.query, at.evidence, at.model, place, pixels, at.burned_in, self.confirm_no_text)

    def reduced(self, case: Case, decision: Decision) -> Scrubbed:
        """Return what of a case may reach the reporter, and alias -> study id of what was renamed."""
        case = case if decision.pixels else replace(case, pixels=None)
        return scrubbed(case) if decision.action == "send_scrubbed" else Scrubbed(case, {})

    @property
    def dry_run(self) -> bool:
        """Whether what would be sent is only shown."""
        return isinstance(self.reporter, RemoteReporter) and self.reporter.dry_run

    def tokens(self, case: Case, at: Circumstances) -> int:
        """Estimate the tokens that one report takes; 0 where nothing would be sent."""
        decision = self.decision(at)
        if decision.action == "refuse" or not isinstance(self.reporter, RemoteReporter):
            return 0
        return self.reporter.tokens(self.reduced(case, decision).case)

    def ask(self, case: Case, at: Circumstances, request: Request[T]) -> Told[T]:
        """Have the reporter answer, if it may.

        Raises:
            ConfigError: the audit log cannot be written; nothing was sent.
        """
        decision = self.decision(at)
        refused = decision.action == "refuse"
        if self._failures >= GIVEN_UP and not refused:
            return Told(None, f"{self.reporter.name} failed {GIVEN_UP} times in a row", decision)
        if self.dry_run:
            seen = decision.reason if refused else request.preview(self.reporter, self.reduced(case, decision).case)
            self.show(seen)
            return Told(None, DRY_RUN, decision)
        if refused:
            self.audit.note(self._sending(decision, at), "refused")
            return Told(None, decision.reason, decision)
        if not isinstance(self.reporter, RemoteReporter):
            return Told(request.ask(self.reporter, case), "", decision)
        return self._asked(case, decision, at, request)

    def _asked(self, case: Case, decision: Decision, at: Circumstances, request: Request[T]) -> Told[T]:
        """Ask, and note before and after what was sent and what came of it."""
        outcome: Outcome = "failed"
        reduced = self.reduced(case, decision)
        sending = self._sending(decision, at, request.preview(self.reporter, reduced.case).encode())
        self.audit.note(sending, "asked")
        try:
            answer = request.restore(request.ask(self.reporter, reduced.case), reduced.aliases)
            outcome = "answered"
        except RemoteError as error:
            self._failures += 1
            return Told(None, str(error), decision)
        finally:
            self.audit.note(sending, outcome)
        self._failures = 0
        return Told(answer, "", decision)

    def _sending(self, decision: Decision, at: Circumstances, payload: bytes = b"") -> Sending:
        policies = {"query": at.query, "evidence": at.evidence, "model": at.model}
        return Sending.of(self.reporter, decision, at.content, payload, policies)
