"""The words that all renderings of a report share, so that none says less than another."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from medxpert.report import POLICY, SCORES
from medxpert.reporting import Finding, Problem, Report

SUPPORT: Mapping[str | None, str] = {
    "supported": "supported",
    "weak": "weak support",
    "unsupported": "unsupported",
    None: "not checked",
}
"""`Finding.support` -> what is printed."""
ABSTAINED = "No report: the system abstained"
NOT_STATED = "Nothing is stated."
_MARK = re.compile(r"^(?P<text>.*\S) \[(?P<mark>unsupported|unchecked|weak support)\]$", re.DOTALL)


class Marked(NamedTuple):
    """A sentence without the checker's mark behind it, and the mark: "" where there is none."""

    text: str
    mark: str


class Cited(NamedTuple):
    """What a finding rests on."""

    scores: dict[str, float]
    """Name -> calibrated probability."""
    studies: tuple[str, ...]


def line(text: str) -> str:
    """Return text on one line without controls, marks of direction and other characters that nobody sees."""
    kept = (" " if c.isspace() else "" if unicodedata.category(c)[0] == "C" else c for c in str(text))
    return " ".join("".join(kept).split())


def marked(text: str) -> Marked:
    """Part a sentence of the impression, or the name of a diagnosis, from the checker's mark."""
    found = _MARK.match(text)
    return Marked(found["text"], found["mark"]) if found else Marked(text, "")


def policy(report: Report) -> str:
    """Return the policy that the report is bound by."""
    return line(report.provenance.get(POLICY) or "private")


def by_sentence(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Put neighbours together that share one sentence and its support."""
    return [list(group) for _, group in groupby(findings, key=lambda one: (one.sentence, one.support))]


def qualities(finding: Finding) -> str:
    """Return status, side and severity as far as they are said, such as "present, left, mild"."""
    return ", ".join(word for word in (finding.status, finding.laterality, finding.severity) if word)


def cited(finding: Finding, report: Report) -> Cited:
    """Part scores, whose probabilities the report's provenance holds, from study ids."""
    told = report.provenance.get(SCORES)
    own = told.get(finding.observation) if isinstance(told, Mapping) else None
    known = {name: one for name, one in own.items() if _is_number(one)} if isinstance(own, Mapping) else {}
    scores = {name: float(known[name]) for name in finding.evidence if name in known}
    return Cited(scores, tuple(name for name in finding.evidence if name not in scores))


def check_summary(report: Report) -> str:
    """Say in one sentence what the checker came to."""
    unchecked = sum(one.support is None for one in report.findings)
    if unchecked:
        return f"{unchecked} of {len(report.findings)} findings were not checked against the evidence."
    if not report.problems:
        return "Every statement was read back and compared with the evidence; nothing was found wrong."
    count, done = len(report.problems), dict.fromkeys(("marked", "dropped", "noted"), 0)
    for problem in report.problems:
        done[problem.action] += 1
    told = ", ".join(f"{number} {action}" for action, number in done.items() if number)
    return f"{count} {'problem' if count == 1 else 'problems'} found: {told}."


def kind(problem: Problem) -> str:
    """Return the kind of a problem as words."""
    return line(problem.kind.replace("_", " "))


def provenance(report: Report) -> dict[str, str]:
    """Return what the report was made with as lines of text; scores are printed with their findings."""
    told = {**report.provenance, "reporter": report.reporter}
    return {line(name.replace("_", " ")): plain(value) for name, value in told.items() if name != SCORES}


def plain(value: Any) -> str:
    """Return a JSON value as one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{line(name)} {plain(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value) or "none"
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return line(value) if isinstance(value, str) else line(json.dumps(value, default=str))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
