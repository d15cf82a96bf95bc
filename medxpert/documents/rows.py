"""The page's tables: findings with their support and evidence, changes, what the checker found."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from medxpert.documents import wording
from medxpert.documents.evidence import Evidence
from medxpert.reporting import Change, Finding, Problem, Report, Verdict
from medxpert.tables.blocks import DASH

_HEADERS = ("Finding", "Status", "Side", "Severity", "Support", "Evidence")
_CHECKED = ("Statement", "Problem", "Detail", "Where", "What was done")
_COMPARED = ("Observation", "Course", "Before", "Now")
_SIGNS = {"supported": "✓", "weak": "~", "unsupported": "✗", "unchecked": "?"}
_CLASSES = {"weak support": "weak", "not checked": "unchecked"}
_NOT_SAID = '<span class="none">not said</span>'


def text(words: str) -> str:
    """Return words on one line in which nothing is markup."""
    return escape(wording.line(words))


def badge(words: str) -> str:
    """Return a mark of support, told apart by words, sign and colour."""
    kind = _CLASSES.get(words, words)
    return f'<span class="badge {kind}"><span aria-hidden="true">{_SIGNS[kind]}</span> {words}</span>'


def finding_table(report: Report, evidence: Evidence) -> str:
    """Lay findings out, a row each; a sentence that several share is printed once. "" where there are none."""
    groups = wording.by_sentence(report.findings)
    rows = "\n".join(_row(group, at, evidence) for group in groups for at in range(len(group)))
    legend = (
        "Support: what was found when each statement was compared with the evidence. Numbers lead to the cases below."
    )
    return _table("findings", legend, _HEADERS, rows) if rows else ""


def _row(group: Sequence[Finding], at: int, evidence: Evidence) -> str:
    one = group[at]
    support = wording.SUPPORT[one.support]
    sentence = f"{text(one.sentence)}" if not at else '<span class="none">as above</span>'
    cells = [
        f'<th scope="row">{sentence}<small>{text(one.observation)}</small></th>',
        f'<td class="status" data-label="Status">{text(one.status)}</td>',
        f'<td class="side" data-label="Side">{_said(one.laterality, one)}</td>',
        f'<td class="side" data-label="Severity">{_said(one.severity, one)}</td>',
        f'<td data-label="Support">{badge(support)}</td>',
        f'<td data-label="Evidence"><div>{evidence.cell(one)}</div></td>',
    ]
    return f'<tr class="{text(one.status)} {_CLASSES.get(support, support)}">{"".join(cells)}</tr>'


def _said(quality: str, finding: Finding) -> str:
    """Name a side or severity that is not said, except of what is absent: nobody would say it."""
    return text(quality) or (_NOT_SAID if finding.status != "absent" else DASH)


def change_table(report: Report) -> str:
    """Lay out what became of each observation since the prior image; "" without one."""
    rows = "\n".join(map(_change, wording.ordered(report.changes)))
    return _table("changes", wording.CHANGES_NOTE, _COMPARED, rows) if rows else ""


def _change(change: Change) -> str:
    cells = [
        f'<th scope="row">{text(change.observation)}</th>',
        f'<td class="course" data-label="Course">{text(wording.course(change))}</td>',
        f'<td data-label="Before"><div>{_told(change.before)}</div></td>',
        f'<td data-label="Now"><div>{_told(change.now)}</div></td>',
    ]
    return f'<tr class="{text(change.course) or "unknown"}">{"".join(cells)}</tr>'


def _told(verdict: Verdict) -> str:
    basis = wording.basis(verdict)
    return text(wording.verdict(verdict)) + (f"<small>{text(basis)}</small>" if basis else "")


def problem_table(report: Report) -> str:
    """Lay out what the checker found wrong; "" where that is nothing."""
    rows = "\n".join(map(_problem, report.problems))
    return _table("check", "", _CHECKED, rows) if rows else ""


def _problem(problem: Problem) -> str:
    said = text(problem.text) or '<span class="none">(left out of the report)</span>'
    told = (wording.kind(problem), problem.detail, problem.where, problem.action)
    cells = (
        f'<td class="{name.split()[0].lower()}" data-label="{name}">{text(words)}</td>'
        for name, words in zip(_CHECKED[1:], told, strict=True)
    )
    return f'<tr><th scope="row">{said}</th>{"".join(cells)}</tr>'


def _table(style: str, caption: str, headers: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in headers)
    legend = f"<caption>{caption}</caption>" if caption else ""
    return f'<table class="{style}">{legend}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>'
