"""FHIR Observations: one per finding, per change against a prior image, and for the answer to a question."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from medxpert.documents import markdown, wording
from medxpert.documents.wording import line
from medxpert.exchange import Exported, Reply
from medxpert.exports import telling
from medxpert.exports.coding import term
from medxpert.reporting import Change, Finding, Report

LOINC = "http://loinc.org"
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_SNOMED = "http://snomed.info/sct"
_SIDES = {"left": "left side of the chest", "right": "right side of the chest", "bilateral": "both sides of the chest"}


def observations(exported: Exported) -> Iterator[dict[str, Any]]:
    """Yield Observations as JSON values, ids finding-1.., change-1.. and reply; their empty parts still in."""
    report = exported.report
    for number, finding in enumerate(report.findings, 1):
        yield _begun(f"finding-{number}", report) | _finding(finding, report)
    for number, change in enumerate(telling.notable(report), 1):
        yield _begun(f"change-{number}", report) | _change(change)
    if exported.reply is not None:
        yield _begun("reply", report) | _reply(exported.reply)


def concept(system: str, code: str, display: str) -> dict[str, Any]:
    """Return a CodeableConcept of one code; a system without a scheme is one of HL7's own."""
    url = system if "://" in system else _HL7 + system
    return {"coding": [{"system": url, "code": code, "display": display}]}


def _begun(identity: str, report: Report) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "preliminary",
        "category": [concept("observation-category", "imaging", "Imaging")],
        "device": {"display": f"MedXpert, reporter {line(report.reporter)}"},
    }


def _finding(finding: Finding, report: Report) -> dict[str, Any]:
    interpretation = term("interpretations", finding.status)
    probabilities = telling.probabilities(finding, report)
    return {
        "code": _snomed("observations", finding.observation, line(finding.observation) or "not named"),
        "valueCodeableConcept": _snomed("statuses", finding.status, finding.status),
        "interpretation": [concept("v3-ObservationInterpretation", *interpretation)] if interpretation else [],
        "bodySite": _site(finding),
        "note": [
            {"text": markdown.escape(finding.sentence)},
            {"text": markdown.escape(f"Evidence: {telling.evidence(finding, report)}")},
        ],
        "component": [
            _coded("laterality", "sides", finding.laterality),
            _coded("severity", "severities", finding.severity),
            {"code": {"text": "Support by the evidence"}, "valueString": wording.SUPPORT[finding.support]},
            *(
                _probability(f"Probability that it is there: {line(name)}", value)
                for name, value in probabilities.items()
            ),
        ],
    }


def _site(finding: Finding) -> dict[str, Any]:
    return _snomed("concepts", "thorax", _SIDES[finding.laterality]) if finding.laterality else {}


def _change(change: Change) -> dict[str, Any]:
    return {
        "code": {"text": f"{line(change.observation)}: change from the prior image"},
        "valueCodeableConcept": {"text": change.course},
        "note": [{"text": markdown.escape(telling.change(change))}],
        "component": [
            *(_probability(f"Probability: {course}", value) for course, value in change.courses.items()),
            _probability("Probability before", change.before.probability),
            _probability("Probability now", change.now.probability),
        ],
    }


def _reply(reply: Reply) -> dict[str, Any]:
    return {
        "code": {"text": f"Question: {line(reply.question)}"},
        "valueString": line(reply.answer),
        "note": [{"text": markdown.escape(telling.reply(reply))}],
        "component": [_probability("Confidence in the answer", reply.confidence)],
    }


def _coded(name: str, table: str, word: str) -> dict[str, Any]:
    """Return a component for a side or severity; {} where it is not said."""
    if not word:
        return {}
    return {"code": _snomed("concepts", name, name.capitalize()), "valueCodeableConcept": _snomed(table, word, word)}


def _probability(name: str, value: float | None) -> dict[str, Any]:
    if value is None or not math.isfinite(value):
        return {}
    quantity = {"value": round(value, 4), "unit": "1", "system": "http://unitsofmeasure.org", "code": "1"}
    return {"code": {"text": name}, "valueQuantity": quantity}


def _snomed(table: str, word: str, text: str) -> dict[str, Any]:
    found = term(table, word)
    return {**(concept(_SNOMED, *found) if found else {}), "text": text}
