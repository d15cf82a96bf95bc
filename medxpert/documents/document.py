"""Reports as JSON values and back; `schema.py` publishes the form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, get_args

from medxpert.errors import DataError
from medxpert.reporting import Code, Diagnosis, Finding, Problem, Report, Severity, Side, Status, Support

SCHEMA_VERSION = "1.0"
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
        "findings": [_finding(one) for one in report.findings],
        "impression": list(report.impression),
        "diagnoses": [_diagnosis(one) for one in report.diagnoses],
        "limitations": list(report.limitations),
        "reporter": report.reporter,
        "fallback_reason": report.fallback_reason,
        "problems": [asdict(one) for one in report.problems],
        "provenance": _plain(report.provenance),
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
    return {"name": diagnosis.name, "icd10": [asdict(code) for code in diagnosis.icd10]}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _report(values: Mapping[str, Any]) -> Report:
    return Report(
        technique=_text(values["technique"]),
        comparison=_text(values["comparison"]),
        findings=tuple(map(_read_finding, _list(values["findings"]))),
        impression=tuple(map(_text, _list(values["impression"]))),
        diagnoses=tuple(map(_read_diagnosis, _list(values["diagnoses"]))),
        limitations=tuple(map(_text, _list(values["limitations"]))),
        reporter=_text(values["reporter"]),
        abstained=_flag(values["abstained"]),
        abstain_reason=_text(values["abstain_reason"]),
        fallback_reason=_text(values["fallback_reason"]),
        problems=tuple(map(_read_problem, _list(values["problems"]))),
        provenance=dict(values["provenance"]),
    )


def _read_finding(values: Mapping[str, Any]) -> Finding:
    return Finding(
        observation=_text(values["observation"]),
        status=_one_of(values["status"], Status),
        sentence=_text(values["sentence"]),
        laterality=_one_of(values["laterality"] or "", Side),
        severity=_one_of(values["severity"] or "", Severity),
        evidence=tuple(map(_text, _list(values["evidence"]))),
        support=None if values["support"] is None else _one_of(values["support"], Support),
    )


def _read_diagnosis(values: Mapping[str, Any]) -> Diagnosis:
    codes = (
        Code(_text(one["code"]), _text(one["description"]), _flag(one["billable"])) for one in _list(values["icd10"])
    )
    return Diagnosis(_text(values["name"]), tuple(codes))


def _read_problem(values: Mapping[str, Any]) -> Problem:
    kind, where, text, detail = (_text(values[name]) for name in ("kind", "where", "text", "detail"))
    return Problem(kind, where, text, detail, _one_of(values["action"], _Action))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, found {value!r}")
    return value


def _one_of(value: Any, choices: Any) -> Any:
    if value not in get_args(choices):
        raise ValueError(f"expected one of {get_args(choices)}, found {value!r}")
    return value
