"""From a case to a checked report: through the privacy gate to a reporter, back through the checker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from medxpert.audit import Audit, Outcome, Sending
from medxpert.checker.draft import check
from medxpert.errors import ConfigError, RemoteError
from medxpert.privacy import Decision, decide
from medxpert.report import SCORES
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Draft, RemoteReporter, Report, Reporter
from medxpert.scrubbing import Scrubbed, restored, scrubbed
from medxpert.words import Policy

DRY_RUN = "dry run: nothing was sent"
COMPARISON = "None."
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


class Written(NamedTuple):
    """A draft as it came back, before the checker looked at it."""

    draft: Draft
    reporter: Reporter
    fallback_reason: str
    decision: Decision


@dataclass
class Drafting:
    """Has reports written and checks them.

    Attributes:
        reporter: writes; where it may not or cannot, the template reporter does, and the report says why.
        unsupported: what happens to statements that the evidence does not support: "mark" or "drop".
        confirm_no_text: somebody looked, and no text that names a person is burned into the image.
        audit: where each decision to send or to refuse is noted.
        show: is given what a dry run would send.

    Raises:
        ConfigError: there is no such way with unsupported statements.
    """

    reporter: Reporter
    audit: Audit = field(default_factory=Audit)
    unsupported: Literal["mark", "drop"] = "mark"
    confirm_no_text: bool = False
    show: Callable[[str], None] = log.info
    _failures: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.unsupported not in ("mark", "drop"):
            raise ConfigError(f"unsupported={self.unsupported}: expected mark or drop")

    def report(
        self,
        case: Case,
        circumstances: Circumstances,
        limitations: Sequence[str] = (),
        provenance: Mapping[str, Any] | None = None,
    ) -> Report:
        """Write one report.

        Raises:
            ConfigError: the audit log cannot be written; nothing was sent.
        """
        written = self.draft(case, circumstances)
        checked = check(written.draft, case, self.unsupported)
        return Report(
            technique=case.technique,
            comparison=COMPARISON,
            findings=checked.findings,
            impression=checked.impression,
            diagnoses=checked.diagnoses,
            limitations=tuple(limitations),
            reporter=written.reporter.name,
            fallback_reason=written.fallback_reason,
            problems=checked.problems,
            provenance={
                **(provenance or {}),
                "reporter": written.reporter.name,
                "reporter_asked": self.reporter.name,
                "model_id": written.reporter.model_id,
                **_told(written.decision, self.reporter),
                "probabilities": _known(case),
                SCORES: {one.observation: dict(one.scores) for one in case.verdicts if one.scores},
            },
        )

    def abstained(self, reason: str, technique: str, provenance: Mapping[str, Any]) -> Report:
        """Return the report that says why there is none."""
        return Report(
            technique=technique,
            comparison=COMPARISON,
            findings=(),
            impression=(),
            diagnoses=(),
            limitations=(),
            reporter="none",
            abstained=True,
            abstain_reason=reason,
            provenance=provenance,
        )

    def decision(self, circumstances: Circumstances) -> Decision:
        """Ask the privacy gate whether and how a case may reach the reporter."""
        return decide(
            circumstances.query,
            circumstances.evidence,
            circumstances.model,
            self.reporter.endpoint,
            self.reporter.send_image,
            circumstances.burned_in,
            self.confirm_no_text,
        )

    def reduced(self, case: Case, decision: Decision) -> Scrubbed:
        """Return what of a case may reach the reporter, and alias -> study id of what was renamed."""
        case = case if decision.pixels else replace(case, pixels=None)
        return scrubbed(case) if decision.action == "send_scrubbed" else Scrubbed(case, {})

    @property
    def dry_run(self) -> bool:
        """Whether what would be sent is only shown."""
        return isinstance(self.reporter, RemoteReporter) and self.reporter.dry_run

    def tokens(self, case: Case, circumstances: Circumstances) -> int:
        """Estimate the tokens that one report takes; 0 where nothing would be sent."""
        decision = self.decision(circumstances)
        if decision.action == "refuse" or not isinstance(self.reporter, RemoteReporter):
            return 0
        return self.reporter.tokens(self.reduced(case, decision).case)

    def made_with(self) -> dict[str, str]:
        """Return what reports follow from beside case and circumstances."""
        return {"reporter": self.reporter.name, "model_id": self.reporter.model_id, "unsupported": self.unsupported}

    def draft(self, case: Case, circumstances: Circumstances) -> Written:
        """Have a draft written by the reporter, or by the template where it may not or cannot.

        Raises:
            ConfigError: the audit log cannot be written; nothing was sent.
        """
        decision, template = self.decision(circumstances), TemplateReporter()
        if self._failures >= GIVEN_UP and decision.action != "refuse":
            return Written(template(case), template, f"{self.reporter.name} failed {GIVEN_UP} times in a row", decision)
        reporter = self.reporter
        if self.dry_run and isinstance(reporter, RemoteReporter):
            sent = (
                decision.reason if decision.action == "refuse" else reporter.preview(self.reduced(case, decision).case)
            )
            self.show(sent)
            return Written(template(case), template, DRY_RUN, decision)
        sending = self._sending(decision, circumstances)
        if decision.action == "refuse":
            self.audit.note(sending, "refused")
            return Written(template(case), template, decision.reason, decision)
        if not isinstance(reporter, RemoteReporter):
            return Written(reporter(case), reporter, "", decision)
        return self._asked(reporter, case, decision, circumstances)

    def _asked(self, reporter: RemoteReporter, case: Case, decision: Decision, circumstances: Circumstances) -> Written:
        """Ask, and note before and after what was sent and what came of it."""
        outcome: Outcome = "failed"
        reduced = self.reduced(case, decision)
        sending = self._sending(decision, circumstances, reporter.preview(reduced.case).encode())
        self.audit.note(sending, "asked")
        try:
            draft = restored(reporter(reduced.case), reduced.aliases)
            outcome = "answered"
        except RemoteError as error:
            self._failures += 1
            template = TemplateReporter()
            return Written(template(case), template, str(error), decision)
        finally:
            self.audit.note(sending, outcome)
        self._failures = 0
        return Written(draft, reporter, "", decision)

    def _sending(self, decision: Decision, at: Circumstances, payload: bytes = b"") -> Sending:
        policies = {"query": at.query, "evidence": at.evidence, "model": at.model}
        return Sending.of(self.reporter, decision, at.content, payload, policies)


def _told(decision: Decision, reporter: Reporter) -> dict[str, Any]:
    return {
        "gate": decision.reason,
        "endpoint": reporter.endpoint.name,
        "endpoint_kind": reporter.endpoint.kind,
        "pixels_sent": decision.pixels and decision.action != "refuse",
    }


def _known(case: Case) -> dict[str, float]:
    return {one.observation: one.probability for one in case.verdicts if one.probability is not None}
