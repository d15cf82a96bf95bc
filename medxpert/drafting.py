"""From a case to a checked report: through the privacy gate to a reporter, back through the checker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any, Literal, NamedTuple

from medxpert.checker.draft import check
from medxpert.checker.reading import read
from medxpert.errors import ConfigError
from medxpert.gating import Circumstances, Gate, Request
from medxpert.privacy import Decision
from medxpert.report import SCORES
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Change, Draft, Report, Reporter
from medxpert.scrubbing import restored

NO_COMPARISON = "None."
_REPORT: Request[Draft] = Request(
    ask=lambda reporter, case: reporter(case), preview=lambda reporter, case: reporter.preview(case), restore=restored
)


class Written(NamedTuple):
    """A draft as it came back, before the checker looked at it."""

    draft: Draft
    reporter: Reporter
    fallback_reason: str
    decision: Decision


class Compared(NamedTuple):
    """What a prior image adds to a report."""

    text: str = NO_COMPARISON
    changes: tuple[Change, ...] = ()


def build_vocabularies() -> None:
    """Begin to build what the first check of a report reads by, in a thread, while an image is looked at."""
    Thread(target=read, args=("No pleural effusion.",)).start()


@dataclass
class Drafting:
    """Has reports written and checks them.

    Attributes:
        gate: before the reporter; where that may not or cannot write, the template reporter does, and the report says
            why.
        unsupported: what happens to statements that the evidence does not support: "mark" or "drop".

    Raises:
        ConfigError: there is no such way with unsupported statements.
    """

    gate: Gate
    unsupported: Literal["mark", "drop"] = "mark"

    def __post_init__(self) -> None:
        if self.unsupported not in ("mark", "drop"):
            raise ConfigError(f"unsupported={self.unsupported}: expected mark or drop")

    @property
    def reporter(self) -> Reporter:
        """Who was asked to write."""
        return self.gate.reporter

    def report(
        self,
        case: Case,
        circumstances: Circumstances,
        limitations: Sequence[str] = (),
        provenance: Mapping[str, Any] | None = None,
        compared: Compared | None = None,
    ) -> Report:
        """Write one report.

        Raises:
            ConfigError: the audit log cannot be written; nothing was sent.
        """
        compared = compared or Compared()
        written = self.draft(case, circumstances)
        checked = check(written.draft, case, self.unsupported)
        return Report(
            technique=case.technique,
            comparison=compared.text,
            findings=checked.findings,
            impression=checked.impression,
            diagnoses=checked.diagnoses,
            limitations=tuple(limitations),
            reporter=written.reporter.name,
            fallback_reason=written.fallback_reason,
            problems=checked.problems,
            changes=compared.changes,
            caption=case.caption,
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
            comparison=NO_COMPARISON,
            findings=(),
            impression=(),
            diagnoses=(),
            limitations=(),
            reporter="none",
            abstained=True,
            abstain_reason=reason,
            provenance=provenance,
        )

    def made_with(self) -> dict[str, str]:
        """Return what reports follow from beside case and circumstances."""
        return {"reporter": self.reporter.name, "model_id": self.reporter.model_id, "unsupported": self.unsupported}

    def draft(self, case: Case, circumstances: Circumstances) -> Written:
        """Have a draft written by the reporter, or by the template where it may not or cannot.

        Raises:
            ConfigError: the audit log cannot be written; nothing was sent.
        """
        told = self.gate.ask(case, circumstances, _REPORT)
        if told.answer is not None:
            return Written(told.answer, self.reporter, "", told.decision)
        template = TemplateReporter()
        return Written(template(case), template, told.reason, told.decision)


def _told(decision: Decision, reporter: Reporter) -> dict[str, Any]:
    return {
        "gate": decision.reason,
        "endpoint": reporter.endpoint.name,
        "endpoint_kind": reporter.endpoint.kind,
        "pixels_sent": decision.pixels and decision.action != "refuse",
    }


def _known(case: Case) -> dict[str, float]:
    return {one.observation: one.probability for one in case.verdicts if one.probability is not None}
