"""The words that all renderings of a report share, so that none says less than another."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from medxpert.exchange import Reply
from medxpert.report import POLICY, SCORES
from medxpert.reporting import Change, Code, Finding, Problem, Report, Verdict

SUPPORT: Mapping[str | None, str] = {
    "supported": "supported",
    "weak": "weak support",
    "unsupported": "unsupported",
    None: "not checked",
}
"""`Finding.support` -> what is printed."""
ABSTAINED = "No report: the system abstained"
NOT_STATED = "Nothing is stated."
CHANGES = "Changes since the prior image"
CHANGES_NOTE = (
    "Probability that each image shows the observation, from its own evidence, and of what became of it; a change is "
    "named from about 0.20 on."
)
CAPTION_NOTE = "A machine's caption of the image: evidence of limited trust, not a finding."
UNKNOWN = "not known"
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


def ordered(changes: Sequence[Change]) -> list[Change]:
    """Put what changed first, the likeliest ahead, then what did not, then what nobody knows."""
    return sorted(changes, key=lambda one: (not one.course, one.course == "unchanged", -(one.probability or 0)))


def course(change: Change) -> str:
    """Return what became of an observation with its probability, such as "worse 0.61"."""
    return UNKNOWN if change.probability is None else f"{change.course} {change.probability:.2f}"


def verdict(told: Verdict) -> str:
    """Return what one image says of an observation, such as "0.83, present, left, mild"."""
    if told.probability is None:
        return UNKNOWN
    words = [told.status, told.laterality, told.severity] if told.status else ["undecided"]
    return ", ".join([f"{told.probability:.2f}", *(word for word in words if word)])


def basis(told: Verdict) -> str:
    """Return what a verdict rests on, such as "zero-shot 0.71, probe 0.40, 12 cases agree"; "" where on nothing."""
    scores = [f"{line(name)} {probability:.2f}" for name, probability in told.scores.items()]
    count = len(told.cases)
    agree = [f"{count} {'case agrees' if count == 1 else 'cases agree'}"] if count else []
    return ", ".join([*scores, *agree])


def code_note(code: Code) -> str:
    """Say in brackets that a code cannot be billed, and what one below it would still have to state; "" else."""
    if code.billable:
        return ""
    needs = "; ".join(map(line, code.needs))
    return f"(not billable; still to be stated: {needs})" if needs else "(not billable)"


def cited(finding: Finding, report: Report) -> Cited:
    """Part scores, whose probabilities the report's provenance holds, from study ids."""
    told = report.provenance.get(SCORES)
    own = told.get(finding.observation) if isinstance(told, Mapping) else None
    known = {name: one for name, one in own.items() if _is_number(one)} if isinstance(own, Mapping) else {}
    scores = {name: float(known[name]) for name in finding.evidence if name in known}
    return Cited(scores, tuple(name for name in finding.evidence if name not in scores))


def reply_basis(reply: Reply) -> list[str]:
    """Say how sure the reply to a question is, what it rests on, and who wrote it; what is not known has no line."""
    sure = "" if reply.confidence is None else f"Confidence: {reply.confidence:.2f}"
    evidence = f"Evidence: {', '.join(map(line, reply.evidence))}" if reply.evidence else ""
    instead = f" instead of the one asked for: {line(reply.fallback_reason)}" if reply.fallback_reason else ""
    return [told for told in (sure, evidence, f"Written by the reporter {line(reply.reporter)}{instead}") if told]


def problem(told: Problem) -> str:
    """Return what the checker found wrong as one line."""
    quoted = f' "{line(told.text)}":' if told.text else ""
    return f"{kind(told)} ({line(told.where)}, {told.action}):{quoted} {line(told.detail)}"


def check_summary(report: Report) -> str:
    """Say in one sentence what the checker came to."""
    unchecked = sum(one.support is None for one in report.findings)
    if unchecked:
        return f"{unchecked} of {len(report.findings)} findings were not checked against the evidence."
    if not report.problems:
        return "Every statement was read back and compared with the evidence; nothing was found wrong."
    count, done = len(report.problems), dict.fromkeys(("marked", "dropped", "noted"), 0)
    for one in report.problems:
        done[one.action] += 1
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
