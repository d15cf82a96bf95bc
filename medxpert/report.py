"""Drafts as text."""

from __future__ import annotations

from collections.abc import Iterator

from medxpert.words import Finding, Report

NOTICE = "Research use only, not for diagnosis."


def render(report: Report) -> str:
    """Lay a report out as Markdown that also reads well as plain text; it ends with a line end."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from (f"**{report.notice}**", "")
    if report.findings:
        yield from ("## Findings", "", *map(_line, report.findings), "")
    yield from ("## Impression", "", report.impression, "", f"Drafted by: {report.reporter}")


def _line(finding: Finding) -> str:
    return f"- {finding.sentence} ({finding.support:.0%} of votes; evidence: {', '.join(finding.evidence)})"
