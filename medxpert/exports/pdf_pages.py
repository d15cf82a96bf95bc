"""The pages of the PDF: the banner on each of them, and the sections in the order in which a report is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, SimpleDocTemplate, Spacer

from medxpert.documents import wording
from medxpert.exchange import Exported
from medxpert.exports import pdf_pictures, pdf_tables, telling
from medxpert.exports.pdf_tables import Rows
from medxpert.exports.pdf_type import (
    RULE,
    SOFT,
    WARNING,
    WARNING_PANEL,
    faces,
    listed,
    marked_up,
    paragraph,
    shown,
    style,
    words,
)
from medxpert.reporting import Diagnosis, Report

_MARGIN = 16 * mm
_ROOM = 40 * mm
"""Below a heading: a row of cases is as high."""
_PADDING = 6
"""What a frame of reportlab's adds to each margin, in points."""
_PICTURE_MM = 62.0
_BANNER_PT, _FOOTER_PT = 8.5, 7
_BARE = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 0)]


def write(path: Path, exported: Exported) -> None:
    """Write a report as PDF to a path."""
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=_MARGIN - _PADDING,
        rightMargin=_MARGIN - _PADDING,
        topMargin=22 * mm,
        bottomMargin=19 * mm,
        title="Radiology report",
        author="MedXpert",
        subject=telling.banner(exported),
        invariant=1,
    )
    document.build(list(_story(exported)), canvasmaker=_canvas(telling.banner(exported)))


def _canvas(banner: str) -> type[Canvas]:
    """Make the class of a canvas that knows the number of pages when it prints the banner on each."""

    class Numbered(Canvas):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._finished: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._finished.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._finished, 1):
                self.__dict__.update(page)
                _frame(self, banner, f"page {number} of {len(self._finished)}")
                super().showPage()
            super().save()

    return Numbered


def _frame(canvas: Canvas, banner: str, page: str) -> None:
    """Print the banner at the head and the foot of a page."""
    width, height = A4
    plain, bold = faces()
    canvas.setFillColor(WARNING_PANEL)
    canvas.rect(0, height - 14 * mm, width, 14 * mm, stroke=0, fill=1)
    canvas.setFillColor(WARNING)
    canvas.setFont(bold, _BANNER_PT)
    canvas.drawString(_MARGIN, height - 9 * mm, shown(banner))
    canvas.drawRightString(width - _MARGIN, height - 9 * mm, "MedXpert")
    canvas.setStrokeColor(RULE)
    canvas.line(_MARGIN, 14 * mm, width - _MARGIN, 14 * mm)
    canvas.setFillColor(SOFT)
    canvas.setFont(plain, _FOOTER_PT)
    canvas.drawString(_MARGIN, 9.5 * mm, shown(banner))
    canvas.drawRightString(width - _MARGIN, 9.5 * mm, page)


def _story(exported: Exported) -> Iterator[Flowable]:
    report = exported.report
    image = exported.pixels is not None
    yield paragraph("Report on a radiograph" if image else "Report on a text query", "title")
    yield paragraph(_origin(report), "note")
    if report.fallback_reason:
        who = f"Written by the reporter {report.reporter} instead of the one asked for:"
        yield _warning(f"{who} {report.fallback_reason}")
    if report.abstained:
        nothing = "No finding, impression or diagnosis is given."
        yield _warning(f"{wording.ABSTAINED}. {report.abstain_reason} {nothing}")
    yield Spacer(1, 4 * mm)
    yield _opening(exported) if image else _column(exported)
    if report.changes:
        note = paragraph(wording.CHANGES_NOTE, "note")
        yield from _section(wording.CHANGES, note, pdf_tables.changes(report))
    if not report.abstained:
        yield from _statements(exported)
    if exported.reply is not None:
        yield from _section("Question", _reply(exported))
    if not report.abstained:
        yield from _section("Evidence: the cited cases", pdf_tables.cases(exported))
        checked = paragraph(wording.check_summary(report), "note")
        yield from _section("Check of every statement against the evidence", checked, pdf_tables.problems(report))
    yield from _section("Limitations", *(listed(report.limitations) or [paragraph(wording.NOT_STATED)]))
    yield from _section("Provenance", pdf_tables.provenance(report))


def _statements(exported: Exported) -> Iterator[Flowable]:
    report = exported.report
    yield from _section("Findings", pdf_tables.findings(exported) or paragraph(wording.NOT_STATED))
    named = [_diagnosis(one) for one in report.diagnoses]
    note = [paragraph(telling.SUGGESTED, "note")] if named else [paragraph(wording.NOT_STATED)]
    yield from _section("Possible diagnoses (ICD-10-CM)", *note, *named)


def _origin(report: Report) -> str:
    told = [wording.plain(report.provenance[name]) for name in ("run", "time") if report.provenance.get(name)]
    return " · ".join([*told, f"reporter {report.reporter}"])


def _opening(exported: Exported) -> Rows:
    """Set the picture beside what is read first."""
    picture = pdf_pictures.query(exported.pixels, _PICTURE_MM)  # type: ignore[arg-type]
    note = paragraph("The image, as the model sees it", "centred")
    beside = pdf_tables.WIDTH_MM - _PICTURE_MM - 6
    return Rows(
        [[[picture, Spacer(1, mm), note], _told(exported)]],
        colWidths=[(_PICTURE_MM + 6) * mm, beside * mm],
        hAlign="LEFT",
        style=[*_BARE, ("RIGHTPADDING", (0, 0), (0, 0), 6 * mm)],
    )


def _column(exported: Exported) -> Rows:
    return Rows([[_told(exported)]], colWidths=[pdf_tables.WIDTH_MM * mm], hAlign="LEFT", style=_BARE)


def _told(exported: Exported) -> list[Flowable]:
    report = exported.report
    parts = [*_section("Technique", paragraph(report.technique or wording.NOT_STATED))]
    parts += _section("Comparison", paragraph(report.comparison or wording.NOT_STATED))
    if not report.abstained:
        parts += _section("Impression", *(listed(report.impression, True) or [paragraph(wording.NOT_STATED)]))
    if report.caption:
        parts += _section("Caption", paragraph(wording.CAPTION_NOTE, "note"),
                          paragraph(report.caption))  # fmt: skip
    return [part for part in parts if not isinstance(part, CondPageBreak)]


def _section(title: str, *body: Flowable | None) -> Iterator[Flowable]:
    """Yield a heading that does not stand alone at the foot of a page, unless nothing follows it."""
    held = [part for part in body if part is not None]
    if held:
        yield CondPageBreak(_ROOM)
        yield paragraph(title, "heading")
        yield from held


def _warning(text: str) -> Rows:
    box = [("BACKGROUND", (0, 0), (-1, -1), WARNING_PANEL), ("BOX", (0, 0), (-1, -1), 0.8, WARNING)]
    return Rows([[paragraph(text, "warning")]], colWidths=[pdf_tables.WIDTH_MM * mm], hAlign="LEFT", style=box)


def _diagnosis(one: Diagnosis) -> Paragraph:
    codes = "".join(f"<br/>&nbsp;&nbsp;&nbsp;{words(telling.code(code))}" for code in one.icd10)
    return Paragraph(f"{marked_up(one.name)}{codes or ': no code'}", style("body"))


def _reply(exported: Exported) -> Rows:
    reply = exported.reply
    rows = [] if reply is None else [
        [paragraph("Question", "bold"), paragraph(reply.question)],
        [paragraph("Answer", "bold"), paragraph(telling.reply(reply))],
        [paragraph("Reporter", "bold"), paragraph(reply.reporter)],
    ]  # fmt: skip
    return Rows(rows, colWidths=[28 * mm, 150 * mm], hAlign="LEFT",
                 style=[("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)])  # fmt: skip
