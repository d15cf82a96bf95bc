"""Sentences that several formats share: evidence, changes, codes and the answer to a question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from medxpert.documents import wording
from medxpert.documents.wording import line
from medxpert.exchange import Exported, Reply
from medxpert.report import NOTICE
from medxpert.reporting import Change, Code, Diagnosis, Finding, Report

SUGGESTED = "Suggested codes, never asserted."


def banner(exported: Exported) -> str:
    """Return what stands on every page and before every conclusion."""
    return f"{NOTICE} Policy: {line(exported.policy)}."


def evidence(finding: Finding, report: Report) -> str:
    """Return what a finding rests on as one line; "none" where it cites nothing."""
    scores, studies = wording.cited(finding, report)
    told = [f"{line(name)} {probability:.2f}" for name, probability in scores.items()]
    return ", ".join([*told, *map(line, studies)]) or "none"


def probabilities(finding: Finding, report: Report) -> dict[str, float]:
    """Return the calibrated probabilities that the observation is there: of all evidence, then of each score cited."""
    told = report.provenance.get("probabilities")
    overall = told.get(finding.observation) if isinstance(told, Mapping) else None
    known = {"all evidence": float(overall)} if isinstance(overall, int | float) else {}
    return {name: one for name, one in (known | wording.cited(finding, report).scores).items() if math.isfinite(one)}


def notable(report: Report) -> Sequence[Change]:
    """Return the changes whose course the evidence tells, what did not change last."""
    return [one for one in wording.ordered(report.changes) if one.course]


def change(one: Change) -> str:
    """Return a change as a line, such as "Edema: worse 0.81 (before: 0.40, uncertain; now: 0.90, present)"."""
    sides = f"before: {wording.verdict(one.before)}; now: {wording.verdict(one.now)}"
    return f"{line(one.observation)}: {wording.course(one)} ({sides})"


def code(one: Code) -> str:
    """Return a code with its description and, where it is not billable, what a billable one would have to state."""
    return f"{line(one.code)} {line(one.description)} {wording.code_note(one)}".strip()


def diagnosis(one: Diagnosis) -> str:
    """Return a possible diagnosis with its codes."""
    return f"{line(one.name)}: {'; '.join(map(code, one.icd10)) or 'no code'}"


def reply(one: Reply) -> str:
    """Return an answer with its confidence and evidence."""
    sure = "" if one.confidence is None else f" Confidence {one.confidence:.2f}."
    cited = f" Evidence: {', '.join(map(line, one.evidence))}." if one.evidence else ""
    return f"{line(one.answer)}{sure}{cited}"
