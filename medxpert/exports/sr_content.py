"""The tree of a structured report (DICOM PS3.16, TID 2000), readable from its texts alone, coded below them.

Imported only when one is written: highdicom takes long to load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import highdicom
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom import Dataset
from pydicom.sr.coding import Code

from medxpert.documents import wording
from medxpert.documents.wording import line
from medxpert.exchange import Exported, Reply
from medxpert.exports import telling
from medxpert.exports.coding import IMAGING_REPORT, term
from medxpert.reporting import Change, Diagnosis, Finding, Report

_OWN = "99MEDXPERT"
_ICD10 = "I10C"
_SCHEMES = (
    CodingSchemeIdentificationItem(_OWN, name="MedXpert", responsible_organization="MedXpert"),
    CodingSchemeIdentificationItem(_ICD10, name="ICD-10-CM", registry="HL7", uid="2.16.840.1.113883.6.90"),
)
_DEVICE = str(highdicom.UID.from_uuid(str(uuid5(NAMESPACE_URL, "medxpert"))))
_PERCENT = Code("%", "UCUM", "Percent")
_COMMENT = Code("121106", "DCM", "Comment")
_FINDING = Code("121071", "DCM", "Finding")
_PROBABILITY = Code("PROBABILITY", _OWN, "Probability that it is there")
_ALGORITHM = Code("111001", "DCM", "Algorithm Name")
_SOURCE = Code("SOURCE_IMAGE", _OWN, "Image that was looked at")
_MEANING_CHARS, _CODE_CHARS = 64, 16


def document(exported: Exported, source: Dataset) -> sr.ComprehensiveSR:
    """Return a new document about one image.

    Args:
        exported: the report, and the answer to a question where one was asked.
        source: identifiers of patient, study and image, as `sr.identified` reads them.
    """
    return sr.ComprehensiveSR(
        evidence=[source],
        content=_root(exported, source),
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="MedXpert",
        is_complete=False,
        is_final=False,
        is_verified=False,
        manufacturer_model_name="MedXpert",
        software_versions=line(exported.report.provenance.get("version") or "unknown")[:_MEANING_CHARS],
        device_serial_number="none",
        series_description="MedXpert, research use only, not for diagnosis",
        content_qualification=highdicom.ContentQualificationValues.RESEARCH,
        coding_schemes=_SCHEMES,
        specific_character_set="ISO_IR 192",
    )


def _root(exported: Exported, source: Dataset) -> sr.ContainerContentItem:
    root = sr.ContainerContentItem(Code(IMAGING_REPORT, "LN", "Diagnostic Imaging Report"), False, template_id="2000")
    language = sr.LanguageOfContentItemAndDescendants(sr.CodedConcept("en", "RFC5646", "English"))
    observer = sr.ObserverContext(
        sr.CodedConcept("121007", "DCM", "Device"),
        sr.DeviceObserverIdentifyingAttributes(_DEVICE, "MedXpert", manufacturer_name="MedXpert"),
    )
    root.ContentSequence = sr.ContentSequence([*language, *observer, *_sections(exported, source)])
    return root


def _sections(exported: Exported, source: Dataset) -> Iterator[sr.ContentItem]:
    report = exported.report
    yield _text(_COMMENT, telling.banner(exported))
    if report.abstained:
        yield _text(_COMMENT, f"{wording.ABSTAINED}. {report.abstain_reason}")
    if report.fallback_reason:
        yield _text(_COMMENT, f"Written by the reporter {report.reporter} instead: {report.fallback_reason}")
    if report.caption:
        yield _text(_COMMENT, f"{wording.CAPTION_NOTE} {report.caption}")
    described = Code("121065", "DCM", "Procedure Description")
    yield from _section(Code("121064", "DCM", "Current Procedure Descriptions"), _texts(described, [report.technique]))
    prior = Code("121067", "DCM", "Prior Procedure Description")
    compared = [*_texts(prior, [report.comparison]), *map(_change, telling.notable(report))]
    yield from _section(Code("121066", "DCM", "Prior Procedure Descriptions"), compared)
    findings = (_finding(one, report, source) for one in report.findings)
    yield from _section(Code("121070", "DCM", "Findings"), findings)
    impression = _texts(Code("121073", "DCM", "Impression"), report.impression)
    yield from _section(Code("121072", "DCM", "Impressions"), impression)
    yield from _section(Code("121076", "DCM", "Conclusions"), map(_diagnosis, report.diagnoses))
    if exported.reply is not None:
        yield from _section(_own("QUESTION", "Question"), _answer(exported.reply))
    yield from _section(_own("LIMITATIONS", "Limitations"), _texts(_COMMENT, report.limitations))


def _section(heading: Code, items: Iterable[sr.ContentItem]) -> Iterator[sr.ContentItem]:
    """Yield a container, unless it would be empty."""
    held = list(items)
    if held:
        yield _holding(sr.ContainerContentItem(heading, False, relationship_type="CONTAINS"), held)


def _finding(finding: Finding, report: Report, source: Dataset) -> sr.ContentItem:
    """Put the sentence first, so that no reader takes the code of an absent finding for a present one."""
    below = [
        _observation(finding.observation),
        *_property(_own("STATUS", "Status"), "statuses", finding.status),
        *_property(_concept("laterality"), "sides", finding.laterality),
        *_property(_concept("severity"), "severities", finding.severity),
        *(_probability(name, probability) for name, probability in telling.probabilities(finding, report).items()),
        _text(_own("SUPPORT", "Support by the evidence"), wording.SUPPORT[finding.support], "HAS PROPERTIES"),
        _text(_own("EVIDENCE", "Evidence"), telling.evidence(finding, report), "HAS PROPERTIES"),
        _image(source),
    ]
    return _holding(_text(_FINDING, finding.sentence), below)


def _observation(name: str) -> sr.ContentItem:
    heading, found = _own("OBSERVATION", "Observation"), term("observations", name)
    if found is None:
        return _text(heading, name, "HAS PROPERTIES")
    return sr.CodeContentItem(heading, Code(found.code, "SCT", found.meaning), "HAS PROPERTIES")


def _property(heading: Code, table: str, word: str) -> Iterator[sr.ContentItem]:
    found = term(table, word)
    if found is not None:
        yield sr.CodeContentItem(heading, Code(found.code, "SCT", found.meaning), "HAS PROPERTIES")


def _probability(name: str, probability: float) -> sr.ContentItem:
    number = sr.NumContentItem(_PROBABILITY, round(100 * probability, 1), _PERCENT, relationship_type="HAS PROPERTIES")
    return _holding(number, [_text(_ALGORITHM, name, "HAS PROPERTIES")])


def _image(source: Dataset) -> sr.ContentItem:
    return sr.ImageContentItem(_SOURCE, source.SOPClassUID, source.SOPInstanceUID, relationship_type="INFERRED FROM")


def _change(change: Change) -> sr.ContentItem:
    return _text(_own("CHANGE", "Change from the prior image"), telling.change(change))


def _diagnosis(diagnosis: Diagnosis) -> sr.ContentItem:
    said = _text(Code("121077", "DCM", "Conclusion"), f"{telling.diagnosis(diagnosis)}. {telling.SUGGESTED}")
    heading = _own("SUGGESTED_CODE", "Suggested code, not asserted")
    codes = [
        Code(line(one.code)[:_CODE_CHARS], _ICD10, line(one.description)[:_MEANING_CHARS]) for one in diagnosis.icd10
    ]
    return _holding(said, [sr.CodeContentItem(heading, code, "HAS PROPERTIES") for code in codes])


def _answer(reply: Reply) -> Iterator[sr.ContentItem]:
    yield from _texts(_own("ASKED", "Question as asked"), [reply.question])
    yield from _texts(_own("ANSWER", "Answer"), [telling.reply(reply)])


def _texts(name: Code, sentences: Iterable[str]) -> list[sr.ContentItem]:
    return [_text(name, one) for one in sentences if line(one)]


def _text(name: Code, words: str, relationship: str = "CONTAINS") -> sr.ContentItem:
    return sr.TextContentItem(name, line(words) or "none", relationship)


def _holding(item: Any, items: Iterable[sr.ContentItem]) -> sr.ContentItem:
    held = list(items)
    if held:
        item.ContentSequence = sr.ContentSequence(held)
    return item


def _own(code: str, meaning: str) -> Code:
    return Code(code, _OWN, meaning)


def _concept(name: str) -> Code:
    found = term("concepts", name)
    if found is None:
        raise KeyError(name)
    return Code(found.code, "SCT", found.meaning)
