"""What changed since a prior image as JSON values and back, with the evidence of both images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medxpert.documents.values import flag, number, numbers, one_of, plain, text, texts
from medxpert.reporting import Change, Course, Severity, Side, Status, Verdict


def as_json(change: Change) -> dict[str, Any]:
    """Return a change as JSON values; what the evidence does not tell is null."""
    return {
        "observation": change.observation,
        "course": change.course or None,
        "probability": change.probability,
        "courses": plain(change.courses),
        "before": _verdict(change.before),
        "now": _verdict(change.now),
    }


def read(values: Mapping[str, Any]) -> Change:
    """Return the change that `as_json` made values of.

    Raises:
        KeyError, TypeError, ValueError: they are not of this form.
    """
    observation = text(values["observation"])
    courses = {one_of(name, Course): one for name, one in numbers(values["courses"]).items()}
    return Change(
        observation=observation,
        course="" if values["course"] is None else one_of(values["course"], Course),
        probability=_probability(values["probability"]),
        courses=courses,
        before=_read(observation, values["before"]),
        now=_read(observation, values["now"]),
    )


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": verdict.status or None,
        "probability": verdict.probability,
        "laterality": verdict.laterality or None,
        "severity": verdict.severity or None,
        "scores": plain(verdict.scores),
        "cases": list(verdict.cases),
        "contradictory": verdict.contradictory,
        "sides": plain(verdict.sides),
        "severities": plain(verdict.severities),
    }


def _read(observation: str, values: Mapping[str, Any]) -> Verdict:
    return Verdict(
        observation=observation,
        status="" if values["status"] is None else one_of(values["status"], Status),
        probability=_probability(values["probability"]),
        laterality=one_of(values["laterality"] or "", Side),
        severity=one_of(values["severity"] or "", Severity),
        scores=numbers(values["scores"]),
        cases=texts(values["cases"]),
        contradictory=flag(values["contradictory"]),
        sides=numbers(values["sides"]),
        severities=numbers(values["severities"]),
    )


def _probability(value: Any) -> float | None:
    return None if value is None else number(value)
