"""Reports as Markdown that also reads well as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from medxpert.documents import wording
from medxpert.documents.wording import line
from medxpert.exchange import Reply
from medxpert.report import NOTICE
from medxpert.reporting import Change, Diagnosis, Finding, Problem, Report

_ANYWHERE = re.compile(r"[\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w)|&(?=[#\w])|:(?=//)|(?<=www)\.", re.ASCII | re.IGNORECASE)
"""What may begin markup inside a line; an underscore inside a word may not."""
_AT_START = re.compile(r"^(?:([#+=-])|(\d{1,9})([.)]))")
"""What makes a line a heading, an item or a rule."""
_NOT_STATED = "None stated."


def render(report: Report, reply: Reply | None = None) -> str:
    """Lay a report out as Markdown, and the reply to a question where one was asked.

    Nothing in it can become markup; it ends with a line end.
    """
    return "\n".join(_lines(report, reply)) + "\n"


def escape(text: str) -> str:
    """Return text on one line in which nothing is markup."""
    return _AT_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", _inside(text))


def _inside(text: str) -> str:
    """Escape what does not begin a line."""
    return _ANYWHERE.sub(lambda found: "\\" + found[0], line(text))


def _lines(report: Report, reply: Reply | None) -> Iterator[str]:
    banner = f"**{NOTICE}** Policy of this report: {escape(wording.policy(report))}."
    yield from (banner, "", "# Radiology report", "")
    if report.fallback_reason:
        yield from (f"> **Written by the reporter {escape(report.reporter)} instead of the one asked for:** "
                    f"{escape(report.fallback_reason)}", "")  # fmt: skip
    if reply is not None:
        yield from _section("QUESTION", [escape(reply.question), "", f"**{escape(reply.answer)}**", *_basis(reply)])
    if report.abstained:
        yield from (f"## {wording.ABSTAINED.upper()}", "", f"**{escape(report.abstain_reason)}**", "")
        yield from ("No finding, impression or diagnosis is given for this query.", "")
    yield from _section("TECHNIQUE", [escape(report.technique) or _NOT_STATED])
    yield from _section("COMPARISON", [escape(report.comparison) or _NOT_STATED])
    if report.changes:
        changes = [text for change in wording.ordered(report.changes) for text in _change(change)]
        yield from _section(wording.CHANGES.upper(), [wording.CHANGES_NOTE, "", *changes])
    if report.caption:
        yield from _section("CAPTION", [wording.CAPTION_NOTE, "", f"> {escape(report.caption)}"])
    if not report.abstained:
        yield from _statements(report)
    yield from _section("LIMITATIONS", _items(report.limitations) or [_NOT_STATED])
    if not report.abstained:
        yield from _section("CHECK", [wording.check_summary(report), *_listed(map(_problem, report.problems))])
    told = wording.provenance(report).items()
    yield from _section("PROVENANCE", [f"- {escape(name)}: {_inside(value)}" for name, value in told])
    yield banner


def _basis(reply: Reply) -> Iterator[str]:
    told = wording.reply_basis(reply)
    yield from ("", *(f"- {escape(one)}" for one in told))
    yield from (f"- {_problem(one)}" for one in reply.problems)


def _statements(report: Report) -> Iterator[str]:
    found = [text for group in wording.by_sentence(report.findings) for text in _finding(group, report)]
    yield from _section("FINDINGS", found or [wording.NOT_STATED])
    yield from _section("IMPRESSION", _items(report.impression) or [wording.NOT_STATED])
    named = [text for diagnosis in report.diagnoses for text in _diagnosis(diagnosis)]
    yield from _section("POSSIBLE DIAGNOSES (SUGGESTED ICD-10-CM CODES)", named or [wording.NOT_STATED])


def _section(title: str, body: Iterable[str]) -> Iterator[str]:
    yield from (f"## {title}", "", *body, "")


def _items(sentences: Iterable[str]) -> list[str]:
    return [f"- {_marked(sentence)}" for sentence in sentences]


def _listed(items: Iterable[str]) -> list[str]:
    listed = [f"- {item}" for item in items]
    return ["", *listed] if listed else []


def _marked(text: str) -> str:
    """Set the checker's mark off from the sentence."""
    sentence, mark = wording.marked(line(text))
    return f"{escape(sentence)} **[{mark}]**" if mark else escape(sentence)


def _change(change: Change) -> Iterator[str]:
    yield f"- {escape(change.observation)}: {wording.course(change)}"
    if change.course not in ("", "unchanged"):
        for when, told in (("before", change.before), ("now", change.now)):
            basis = wording.basis(told)
            yield f"  - {when}: {wording.verdict(told)}" + (f"; {_inside(basis)}" if basis else "")


def _finding(group: Sequence[Finding], report: Report) -> Iterator[str]:
    """Print one sentence, and below it each observation that it is about."""
    support = wording.SUPPORT[group[0].support]
    mark = f"[{support}]" if group[0].support == "supported" else f"**[{support}]**"
    yield f"- {escape(group[0].sentence)} {mark}"
    for one in group:
        yield f"  - {escape(one.observation)}: {wording.qualities(one)}; {_evidence(one, report)}"


def _evidence(finding: Finding, report: Report) -> str:
    scores, studies = wording.cited(finding, report)
    told = [f"{escape(name)} {probability:.2f}" for name, probability in scores.items()]
    named = ", ".join([*told, *map(escape, studies)])
    return f"evidence: {named}" if named else "no evidence"


def _diagnosis(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"- {_marked(diagnosis.name)}" + ("" if diagnosis.icd10 else " (no code)")
    for code in diagnosis.icd10:
        yield f"  - {escape(code.code)} {escape(code.description)} {_inside(wording.code_note(code))}".rstrip()


def _problem(problem: Problem) -> str:
    quoted = f' "{_inside(problem.text)}":' if problem.text else ""
    told = f"{escape(wording.kind(problem))} ({escape(problem.where)}, {problem.action})"
    return f"{told}:{quoted} {_inside(problem.detail)}"
