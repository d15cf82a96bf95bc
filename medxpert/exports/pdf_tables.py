"""Tables of the PDF: findings with their evidence, changes, cited cases, problems, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, Table

from medxpert.documents import wording
from medxpert.documents.evidence import Evidence
from medxpert.documents.wording import line
from medxpert.exchange import Exported
from medxpert.exports import pdf_pictures, telling
from medxpert.exports.pdf_type import PANEL, RULE, SOFT, badge, paragraph, style, words
from medxpert.reporting import Change, Finding, Report, Verdict
from medxpert.tables.blocks import DASH

WIDTH_MM = 178.0
"""Of the text on an A4 page."""
_PAGE_PT = 600
"""Where there is less room, a row waits for the next page."""
_SMALL_MM, _LARGE_MM = 11.0, 24.0
_SHOWN_CASES = 3
_SHOWN_CHARS = 700
_LINES = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
    ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
]
_HEAD = [("BACKGROUND", (0, 0), (-1, 0), PANEL), ("LINEABOVE", (0, 0), (-1, 0), 0.6, SOFT)]


class Rows(Table):
    """A table that breaks between rows, and within one only where it is taller than a page."""

    def split(self, width: float, height: float) -> list[Flowable]:
        """Part what fits into a height, in points, from the rest."""
        self.splitInRow = int(height > _PAGE_PT)
        return list(super().split(width, height))


def findings(exported: Exported) -> Rows | None:
    """Lay out the findings, a row each; a sentence that several share is printed once."""
    report = exported.report
    if not report.findings:
        return None
    numbers = Evidence.of(report).numbers
    rows = [_finding(group, at, exported, numbers) for group in wording.by_sentence(report.findings)
            for at in range(len(group))]  # fmt: skip
    head = ("Finding", "Status", "Side, severity", "Support", "Evidence: probabilities and cases")
    return _table(head, rows, (58, 21, 26, 23, 50))


def _finding(
    group: Sequence[Finding], at: int, exported: Exported, numbers: Mapping[str, int]
) -> list[Flowable | list[Flowable]]:
    one = group[at]
    said = words(one.sentence) if not at else '<font color="#59626d">as above</font>'
    sentence = Paragraph(f'{said}<br/><font size="7" color="#59626d">{words(one.observation)}</font>', style("body"))
    quality = ", ".join(filter(None, (one.laterality, one.severity))) or DASH
    support = Paragraph(badge(wording.SUPPORT[one.support]), style("small"))
    status = paragraph(one.status, "bold" if one.status == "present" else "body")
    return [sentence, status, paragraph(quality), support, _evidence(one, exported, numbers)]


def _evidence(finding: Finding, exported: Exported, numbers: Mapping[str, int]) -> list[Flowable]:
    scores, studies = wording.cited(finding, exported.report)
    overall = telling.probabilities(finding, exported.report)
    told = ", ".join(f"{words(name)} {value:.2f}" for name, value in (overall | scores).items())
    lines: list[Flowable] = [Paragraph(told or ("" if studies else "none"), style("small"))]
    named = f"cases {', '.join(str(numbers[name]) for name in studies)}" if studies else ""
    if named:
        lines.append(paragraph(named, "note"))
    if finding.status != "absent":
        lines += _strip(exported, {name: numbers[name] for name in studies[:_SHOWN_CASES]})
    return lines


def _strip(exported: Exported, numbers: Mapping[str, int]) -> list[Flowable]:
    """Set the first cases of a finding side by side."""
    pictures = list(pdf_pictures.thumbnails(exported, numbers, _SMALL_MM).values())
    if not pictures:
        return []
    return [Table([pictures], colWidths=[(_SMALL_MM + 1.5) * mm] * len(pictures), hAlign="LEFT", style=[
        ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
    ])]  # fmt: skip


def changes(report: Report) -> Rows | None:
    """Lay out what became of each observation since the prior image, with the evidence of both."""
    rows = [_change(one) for one in wording.ordered(report.changes)]
    return _table(("Observation", "Course", "Before", "Now"), rows, (44, 30, 52, 52)) if rows else None


def _change(one: Change) -> list[Any]:
    course = paragraph(wording.course(one), "body" if one.course in ("", "unchanged") else "bold")
    return [paragraph(one.observation), course, _verdict(one.before), _verdict(one.now)]


def _verdict(told: Verdict) -> list[Paragraph]:
    basis = wording.basis(told)
    return [paragraph(wording.verdict(told)), *([paragraph(basis, "note")] if basis else [])]


def cases(exported: Exported) -> Rows | None:
    """Lay out the cited cases, numbered in the order of the citations, with picture and text."""
    evidence = Evidence.of(exported.report)
    pictures = pdf_pictures.thumbnails(exported, evidence.numbers, _LARGE_MM)
    rows = []
    for name, number in evidence.numbers.items():
        _, text, score = exported.cited.get(name, (b"", "", None))
        similar = "" if score is None else f", similarity {score:.3f}"
        reason = f"cited for {wording.line('; '.join(_reasons(exported.report, name)))}"
        told = [paragraph(f"{line(name)}{similar}", "bold"), paragraph(reason, "note"), paragraph(_cut(text), "small")]
        rows.append([paragraph(str(number), "bold"), pictures.get(name) or paragraph("no picture", "note"), told])
    return _table((), rows, (8, 28, 142)) if rows else None


def _reasons(report: Report, name: str) -> list[str]:
    citing = [one for one in report.findings if name in one.evidence]
    said = {status: [one.observation for one in citing if one.status == status] for status in _statuses(citing)}
    return [f"{', '.join(names)} ({status})" for status, names in said.items()]


def _statuses(found: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(one.status for one in found))


def problems(report: Report) -> Rows | None:
    """Lay out what the checker found wrong."""
    rows = [
        [paragraph(cell, "small") for cell in (
            _cut(one.text) or "(left out of the report)", wording.kind(one), _cut(one.detail), one.where, one.action
        )]
        for one in report.problems
    ]  # fmt: skip
    head = ("Statement", "Problem", "Detail", "Where", "What was done")
    return _table(head, rows, (58, 28, 52, 20, 20)) if rows else None


def provenance(report: Report) -> Rows:
    """Lay out what the report was made with."""
    told = wording.provenance(report).items()
    return _table((), [[paragraph(_cut(cell), "small") for cell in row] for row in told], (38, 140))


def _cut(text: str) -> str:
    said = line(text)
    return said if len(said) <= _SHOWN_CHARS else f"{said[:_SHOWN_CHARS].rstrip()}…"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]], widths_mm: Sequence[float]) -> Rows:
    top = [[paragraph(name, "small") for name in head]] if head else []
    return Rows(
        [*top, *rows],
        colWidths=[width * mm for width in widths_mm],
        repeatRows=len(top),
        hAlign="LEFT",
        style=[*_LINES, *(_HEAD if head else [])],
    )
