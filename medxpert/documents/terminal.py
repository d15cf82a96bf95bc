"""Reports on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from medxpert.documents import wording
from medxpert.documents.wording import line
from medxpert.report import NOTICE
from medxpert.reporting import Finding, Report

_STYLES = {"supported": "green", "weak": "yellow", "unsupported": "bold red", None: "yellow"}
_SIGNS = {"supported": "+", "weak": "~", "unsupported": "!", None: "?"}
"""Beside the words, so that unsupported lines can be seen without colours."""


def panel(report: Report) -> RenderableType:
    """Lay a report out compactly; what it says cannot be markup nor control the terminal."""
    parts = _abstention(report) if report.abstained else _statements(report)
    notice = Text(f"{NOTICE} Policy: {wording.policy(report)}.", style="bold yellow")
    return Panel(
        Group(notice, *parts),
        title=Text("No report" if report.abstained else "Report", style="bold"),
        title_align="left",
        box=box.HORIZONTALS,
        border_style="red" if report.abstained else "cyan",
        padding=(0, 0),
    )


def _abstention(report: Report) -> Iterator[RenderableType]:
    yield Text(f"\n{wording.ABSTAINED.upper()}", style="bold red")
    yield Text(line(report.abstain_reason), style="bold")
    yield Text(line(report.technique), style="dim")


def _statements(report: Report) -> Iterator[RenderableType]:
    yield Text(line(report.technique), style="dim")
    if report.fallback_reason:
        yield Text(f"Written by the {line(report.reporter)} reporter: {line(report.fallback_reason)}", style="yellow")
    if report.changes:
        yield from _headed("COMPARISON", [Text(line(report.comparison)), _changes(report)])
    if report.caption:
        yield from _headed("CAPTION", [Text(line(report.caption)), Text(wording.CAPTION_NOTE, style="dim")])
    yield from _headed("FINDINGS", [_findings(report)] if report.findings else [])
    yield from _headed("IMPRESSION", [_marked(sentence) for sentence in report.impression])
    if report.diagnoses:
        yield from _headed("POSSIBLE DIAGNOSES", [_diagnosis(report, at) for at in range(len(report.diagnoses))])
    yield from (Text(line(sentence), style="dim") for sentence in ("", *report.limitations))
    yield Text()
    doubtful = report.problems or any(one.support is None for one in report.findings)
    yield Text(f"Check: {wording.check_summary(report)}", style="yellow" if doubtful else "dim")
    yield Text(f"Written by: {line(report.reporter)}", style="dim")


def _headed(title: str, body: Sequence[RenderableType]) -> Iterator[RenderableType]:
    yield from (Text(), Text(title, style="bold cyan"), *(body or [Text(wording.NOT_STATED)]))


def _changes(report: Report) -> Table:
    """List what changed; what did not is summed up in the words above."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "course", "before", "now"):
        table.add_column(name)
    for one in wording.ordered(report.changes):
        if one.course not in ("", "unchanged"):
            told = (one.observation, wording.course(one), wording.verdict(one.before), wording.verdict(one.now))
            table.add_row(*(Text(line(cell)) for cell in told))
    return table


def _findings(report: Report) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(ratio=1)
    table.add_column(max_width=34)
    for group in wording.by_sentence(report.findings):
        support = group[0].support
        mark = Text(f"{_SIGNS[support]} {wording.SUPPORT[support]}", style=_STYLES[support])
        evidence = Text("\n".join(_evidence(one, report, len(group) > 1) for one in group), style="dim")
        table.add_row(_statement(group), Group(mark, evidence))
    return table


def _statement(group: Sequence[Finding]) -> Text:
    told = "; ".join(f"{line(one.observation)}: {wording.qualities(one)}" for one in group)
    return Text.assemble(line(group[0].sentence), ("\n" + told, "dim"))


def _evidence(finding: Finding, report: Report, named: bool) -> str:
    scores, studies = wording.cited(finding, report)
    told = [f"{line(name)} {probability:.2f}" for name, probability in scores.items()]
    if studies:
        told.append(f"{len(studies)} {'citation' if len(studies) == 1 else 'citations'}")
    return (f"{line(finding.observation)}: " if named else "") + (", ".join(told) or "no evidence")


def _marked(text: str) -> Text:
    sentence, mark = wording.marked(line(text))
    return Text.assemble(sentence, (f" [{mark}]" if mark else "", "bold red" if mark != "weak support" else "yellow"))


def _diagnosis(report: Report, at: int) -> Text:
    diagnosis = report.diagnoses[at]
    codes = "; ".join(line(f"{one.code} {one.description} {wording.code_note(one)}") for one in diagnosis.icd10)
    return Text.assemble(_marked(diagnosis.name), (f"  {codes}" if codes else "", "dim"))
