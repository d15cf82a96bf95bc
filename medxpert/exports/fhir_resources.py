"""What a FHIR DiagnosticReport holds: Observations, conclusion and its codes, as plain JSON values.

The releases differ in one thing that is used here: R5 has notes on the report, R4B has none, so that there the
banner stands in the conclusion and all else in the narrative.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from html import escape
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from medxpert.documents import markdown, wording
from medxpert.documents.wording import line
from medxpert.exchange import Exported
from medxpert.exports import telling
from medxpert.exports.coding import IMAGING_REPORT
from medxpert.exports.fhir_observations import LOINC, concept, observations
from medxpert.reporting import Report

Release = Literal["R5", "R4B"]
_ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"


def diagnostic_report(exported: Exported, release: Release) -> dict[str, Any]:
    """Return a DiagnosticReport as JSON values, its Observations contained.

    It is preliminary, or cancelled where the system abstained, and has no subject. Its id is a UUID of its content.
    """
    report = exported.report
    contained = [filled(one) for one in observations(exported)]
    resource = filled({
        "resourceType": "DiagnosticReport",
        "meta": {"security": [concept("v3-ActReason", "HRESCH", "healthcare research")["coding"][0]]},
        "text": {"status": "generated", "div": _narrative(exported)},
        "contained": contained,
        "status": "cancelled" if report.abstained else "preliminary",
        "category": [concept("v2-0074", "RAD", "Radiology")],
        "code": _code(exported),
        "issued": _issued(report.provenance),
        "performer": [{"display": f"MedXpert, reporter {line(report.reporter)}"}],
        "result": [{"reference": f"#{one['id']}", "display": one["code"]["text"]} for one in contained],
        "note": [{"text": text} for text in _notes(exported)] if release == "R5" else None,
        "conclusion": _conclusion(exported, release),
        "conclusionCode": list(_conclusion_codes(report)),
        "presentedForm": [_presented(report)],
    })  # fmt: skip
    return {"id": str(uuid5(NAMESPACE_URL, json.dumps([release, resource]))), **resource}


def filled(value: Any) -> Any:
    """Return JSON values without what is empty, which FHIR does not allow anywhere."""
    if isinstance(value, Mapping):
        kept = {name: filled(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one not in (None, "", [], {})}
    if isinstance(value, list):
        return [one for one in map(filled, value) if one not in (None, "", [], {})]
    return value


def _code(exported: Exported) -> dict[str, Any]:
    if exported.pixels is None:
        return {"text": "Evidence for a text query; no image was looked at"}
    made = concept(LOINC, IMAGING_REPORT, "Diagnostic imaging study")
    return {**made, "text": "Report on a chest radiograph"}


def _issued(provenance: Mapping[str, Any]) -> str | None:
    with suppress(ValueError):
        time = datetime.fromisoformat(str(provenance.get("time")))
        return time.isoformat() if time.tzinfo else None
    return None


def _notes(exported: Exported) -> Iterator[str]:
    report = exported.report
    yield markdown.escape(telling.banner(exported))
    if report.fallback_reason:
        yield markdown.escape(f"Written by the reporter {report.reporter} instead: {report.fallback_reason}")
    if report.caption:
        yield markdown.escape(f"{wording.CAPTION_NOTE} {report.caption}")
    yield from map(markdown.escape, report.limitations)


def _conclusion(exported: Exported, release: Release) -> str:
    """Write a conclusion, as Markdown in R5 and as a plain string in R4B."""
    report = exported.report
    said = [f"{wording.ABSTAINED}. {report.abstain_reason}"] if report.abstained else report.impression
    sentences = [telling.banner(exported), *map(line, said)]
    return "\n\n".join(map(markdown.escape, sentences)) if release == "R5" else "\n".join(sentences)


def _conclusion_codes(report: Report) -> Iterator[dict[str, Any]]:
    for diagnosis in report.diagnoses:
        for code in diagnosis.icd10:
            text = f"{line(diagnosis.name)}. {telling.SUGGESTED}"
            yield {**concept(_ICD10, line(code.code), line(code.description)), "text": text}


def _presented(report: Report) -> dict[str, Any]:
    data = base64.b64encode(markdown.render(report).encode()).decode()
    return {"contentType": "text/markdown", "data": data, "title": "The whole report"}


def _narrative(exported: Exported) -> str:
    report = exported.report
    parts = [
        f"<p><b>{escape(telling.banner(exported))}</b></p>",
        _titled("Technique", [report.technique]),
        _titled("Comparison", [report.comparison, *map(telling.change, telling.notable(report))]),
        _titled(wording.ABSTAINED, [report.abstain_reason]),
        _titled("Findings", [f"{one.sentence} [{wording.SUPPORT[one.support]}]" for one in report.findings]),
        _titled("Impression", report.impression),
        _titled("Possible diagnoses (ICD-10-CM)", map(telling.diagnosis, report.diagnoses)),
        _titled("Limitations", report.limitations),
    ]
    if exported.reply is not None:
        parts.append(_titled("Question", [exported.reply.question, telling.reply(exported.reply)]))
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{"".join(parts)}</div>'


def _titled(title: str, sentences: Any) -> str:
    items = "".join(f"<li>{escape(line(one))}</li>" for one in sentences if line(one))
    return f"<p><b>{escape(title)}</b></p><ul>{items}</ul>" if items else ""
