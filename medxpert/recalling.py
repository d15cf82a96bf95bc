"""The evidence of a finished report, as far as the report itself still tells it, so that it can be weighed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from medxpert.checker.reading import Claim, Reading, read
from medxpert.checker.statements import corrected
from medxpert.documents import wording
from medxpert.errors import ConfigError
from medxpert.evidence.rule import Rule
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES
from medxpert.report import SCORES
from medxpert.reporting import Case, Finding, Report, Severity, Side, Verdict
from medxpert.words import Hit

_SURE, _SURE_NOT = 0.6, 0.1
_ASSERTED = ("present", "uncertain")
_MOST_CASES = 3
"""That a finding cites which a reader added."""


def recalled(report: Report) -> Case:
    """Return the case that a report was written about: its verdicts, and the similar cases that it cites.

    Probabilities, scores and the rule come from the report's provenance; statuses follow from them as they did then.
    Where there was a prior image, `Report.changes` holds the verdicts whole. Else sides and severities are those that
    the findings state and the checker let pass, so that what no finding states is weaker here than it was: weak, where
    it was supported.
    """
    verdicts = {change.observation: change.now for change in report.changes}
    if not verdicts:
        rule, told = _rule(report.provenance.get("rule")), _told(report)
        verdicts = {name: _verdict(name, report, rule, told.get(name, ())) for name in OBSERVATIONS}
        verdicts = _consistent(verdicts)
    cited = dict.fromkeys(name for one in report.findings for name in wording.cited(one, report).studies)
    cited |= dict.fromkeys(name for one in verdicts.values() for name in one.cases)
    hits = tuple(Hit(rank, 0.0, name, "", "", {}, -1) for rank, name in enumerate(cited, 1))
    doubt = next((one.detail for one in report.problems if one.kind == "far"), "")
    return Case(tuple(verdicts.values()), hits, report.technique, caption=report.caption, doubt=doubt)


def _told(report: Report) -> dict[str, list[Finding]]:
    """Return observation -> its findings, without the sides and severities that the checker objected to."""
    wrong = {kind: {one.text for one in report.problems if one.kind == kind} for kind in ("side", "severity")}
    told: dict[str, list[Finding]] = {}
    for finding in report.findings:
        side: Side = "" if finding.sentence in wrong["side"] else finding.laterality
        severity: Severity = "" if finding.sentence in wrong["severity"] else finding.severity
        told.setdefault(finding.observation, []).append(replace(finding, laterality=side, severity=severity))
    return told


def _verdict(name: str, report: Report, rule: Rule, told: Sequence[Finding]) -> Verdict:
    scores = _numbers(report.provenance.get(SCORES), name)
    probability = _number(report.provenance.get("probabilities"), name)
    contradictory = bool(scores) and max(scores.values()) >= _SURE and min(scores.values()) <= _SURE_NOT
    status = rule.status(probability, contradictory)
    agreeing = [one for one in told if one.status == status]
    cases = dict.fromkeys(study for one in told for study in wording.cited(one, report).studies)
    side: Side = next((one.laterality for one in agreeing if one.laterality), "")
    severity: Severity = next((one.severity for one in agreeing if one.severity), "")
    known = status in _ASSERTED
    return Verdict(
        name, status, probability, side if known else "", severity if known else "", scores, tuple(cases), contradictory
    )


def _consistent(verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Leave No Finding out beside a pathology, as the rule does."""
    abnormal = any(verdicts[name].status in _ASSERTED for name in PATHOLOGIES)
    whole = verdicts[NO_FINDING]
    stays = whole.status == "present" and not abnormal
    return {**verdicts, NO_FINDING: whole if stays else replace(whole, status="")}


def _rule(told: Any) -> Rule:
    try:
        return Rule(**told) if isinstance(told, Mapping) else Rule()
    except (TypeError, ConfigError):
        return Rule()


def _numbers(told: Any, name: str) -> dict[str, float]:
    own = told.get(name) if isinstance(told, Mapping) else None
    return {str(key): float(one) for key, one in own.items() if _is_number(one)} if isinstance(own, Mapping) else {}


def _number(told: Any, name: str) -> float | None:
    one = told.get(name) if isinstance(told, Mapping) else None
    return float(one) if _is_number(one) else None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def rewritten(findings: Sequence[Finding], sentence: str, case: Case) -> list[Finding]:
    """Return the findings that a sentence stands for which replaces theirs, unchecked.

    Those that it does not name any more are left out, and those that it names beside them are added with the evidence
    of the case. All stay where it names nothing.
    """
    reading = read(sentence)
    named = _named(reading)
    known = {one.observation for one in findings}
    old = (replace(one, sentence=sentence, support=None) for one in findings)
    stay = [corrected(one, reading)[0] for one in old if not named or one.observation in named]
    return stay + [_finding(claim, sentence, case) for name, claim in named.items() if claim and name not in known]


def _named(reading: Reading) -> dict[str, Claim | None]:
    """Return what a sentence names -> the claim; None for what it denies in general."""
    denied = {name: None for one in reading.denials for name in one.observations}
    return {**denied, **{claim.observation: claim for claim in reading.claims}}


def _finding(claim: Claim, sentence: str, case: Case) -> Finding:
    own = next((one for one in case.verdicts if one.observation == claim.observation), None)
    evidence = (*own.cases[:_MOST_CASES], *own.scores) if own else ()
    return Finding(claim.observation, claim.status, sentence, claim.side, claim.severity, evidence)
