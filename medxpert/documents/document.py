"""Reports as JSON values and back; `schema.py` publishes the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from medxpert.documents import compared
from medxpert.documents.values import flag, items, one_of, plain, text, texts
from medxpert.errors import DataError
from medxpert.reporting import Code, Diagnosis, Finding, Problem, Report, Severity, Side, Status, Support

SCHEMA_VERSION = "1.1"
_Action = Literal["marked", "dropped", "noted"]


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON values.

    A side or severity that is not said is null, and so is the support of a finding that was not checked. What JSON has
    no number for (NaN, infinity) is null too.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "research_use_only": True,
        "abstained": report.abstained,
        "abstain_reason": report.abstain_reason,
        "technique": report.technique,
        "comparison": report.comparison,
        "changes": [compared.as_json(one) for one in report.changes],
        "caption": report.caption,
        "findings": [_finding(one) for one in report.findings],
        "impression": list(report.impression),
        "diagnoses": [_diagnosis(one) for one in report.diagnoses],
        "limitations": list(report.limitations),
        "reporter": report.reporter,
        "fallback_reason": report.fallback_reason,
        "problems": [asdict(one) for one in report.problems],
        "provenance": plain(report.provenance),
    }


def read(values: Mapping[str, Any]) -> Report:
    """Return the report that `as_json` made values of.

    Raises:
        DataError: they are not of this form or of another version of it.
    """
    found = values.get("schema_version") if isinstance(values, Mapping) else None
    if found != SCHEMA_VERSION:
        raise DataError(f"report: expected schema_version {SCHEMA_VERSION}, found {found!r}; make the report again")
    try:
        return _report(values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"report: not of the form of report.schema.json ({error!r}); make it again: python infer.py"
        ) from error


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "observation": finding.observation,
        "status": finding.status,
        "laterality": finding.laterality or None,
        "severity": finding.severity or None,
        "sentence": finding.sentence,
        "evidence": list(finding.evidence),
        "support": finding.support,
    }


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    codes = [asdict(code) | {"needs": list(code.needs)} for code in diagnosis.icd10]
    return {"name": diagnosis.name, "icd10": codes}


def _report(values: Mapping[str, Any]) -> Report:
    return Report(
        technique=text(values["technique"]),
        comparison=text(values["comparison"]),
        changes=tuple(map(compared.read, items(values["changes"]))),
        caption=text(values["caption"]),
        findings=tuple(map(_read_finding, items(values["findings"]))),
        impression=texts(values["impression"]),
        diagnoses=tuple(map(_read_diagnosis, items(values["diagnoses"]))),
        limitations=texts(values["limitations"]),
        reporter=text(values["reporter"]),
        abstained=flag(values["abstained"]),
        abstain_reason=text(values["abstain_reason"]),
        fallback_reason=text(values["fallback_reason"]),
        problems=tuple(map(_read_problem, items(values["problems"]))),
        provenance=dict(values["provenance"]),
    )


def _read_finding(values: Mapping[str, Any]) -> Finding:
    return Finding(
        observation=text(values["observation"]),
        status=one_of(values["status"], Status),
        sentence=text(values["sentence"]),
        laterality=one_of(values["laterality"] or "", Side),
        severity=one_of(values["severity"] or "", Severity),
        evidence=texts(values["evidence"]),
        support=None if values["support"] is None else one_of(values["support"], Support),
    )


def _read_diagnosis(values: Mapping[str, Any]) -> Diagnosis:
    return Diagnosis(text(values["name"]), tuple(map(_read_code, items(values["icd10"]))))


def _read_code(values: Mapping[str, Any]) -> Code:
    code, description = (text(values[name]) for name in ("code", "description"))
    return Code(code, description, flag(values["billable"]), texts(values["needs"]))


def _read_problem(values: Mapping[str, Any]) -> Problem:
    kind, where, said, detail = (text(values[name]) for name in ("kind", "where", "text", "detail"))
    return Problem(kind, where, said, detail, one_of(values["action"], _Action))
