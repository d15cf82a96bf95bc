"""A report's parts as HTML in which nothing that a report, file or person says is markup."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from medxpert.documents import wording
from medxpert.documents.evidence import Evidence
from medxpert.reporting import Change, Finding, Problem, Report
from medxpert.reviewing import Decided

STYLE = f"<style>{files('medxpert.app.editing').joinpath('editor.css').read_text(encoding='utf-8')}</style>"
_SIGNS = {"supported": "✓", "weak": "~", "unsupported": "✗", None: "?"}
_PROBABILITIES = "probabilities"
_MARKED = {"unsupported": "unsupported", "unchecked": "unsupported", "weak support": "weak"}


def text(words: object) -> str:
    """Return words on one line in which nothing is markup."""
    return escape(wording.line(str(words)))


def badge(support: str | None) -> str:
    """Return a mark of support, told apart by words, sign and colour."""
    words, kind = wording.SUPPORT[support], support or "unchecked"
    return f'<span class="mx-badge mx-{kind}"><span aria-hidden="true">{_SIGNS[support]}</span> {words}</span>'


def abstention(report: Report) -> str:
    """Return why there is no report."""
    return (
        f'<div class="mx-abstained" role="alert"><strong>{wording.ABSTAINED}</strong>'
        f"<p>{text(report.abstain_reason)}</p></div>"
    )


def row(one: Decided, drafted: str, report: Report, evidence: Evidence, linked: bool) -> str:
    """Lay out the findings of one sentence: what it says, how far it is supported, and on what it rests.

    Args:
        one: findings as they are now, and what was decided.
        drafted: the sentence before it was edited.
        report: that holds the probabilities.
        evidence: numbers of the cases cited.
        linked: whether numbers lead to cards on the page.
    """
    gone = one.choice == "rejected"
    support = one.findings[0].support if one.findings else None
    status = one.findings[0].status if one.findings else ""
    sentence = f"<del>{text(one.sentence)}</del>" if gone else text(one.sentence)
    before = f'<p class="mx-was"><del>{text(drafted)}</del></p>' if one.sentence != drafted else ""
    lines = "".join(_line(finding, report, evidence, linked) for finding in one.findings)
    return (
        f'<div class="mx-finding {text(status)} {"gone" if gone else ""}">'
        f'<p class="mx-sentence">{sentence} {"" if gone else badge(support)}</p>{before}<ul>{lines}</ul></div>'
    )


def _line(finding: Finding, report: Report, evidence: Evidence, linked: bool) -> str:
    scores, studies = wording.cited(finding, report)
    told = "".join(f"<span>{text(name)} {value:.2f}</span>" for name, value in scores.items())
    cases = "".join(_case(evidence.numbers.get(name), name, linked) for name in studies)
    cited = f'<span class="mx-cites">cites {cases}</span>' if cases else ""
    return (
        f'<li><b>{text(finding.observation)}</b> <span class="mx-status">{text(wording.qualities(finding))}</span>'
        f'{_likely(report, finding.observation)}<span class="mx-scores">{told}{cited}'
        f"{'' if told or cited else 'no evidence'}</span></li>"
    )


def _likely(report: Report, observation: str) -> str:
    told = report.provenance.get(_PROBABILITIES)
    value = told.get(observation) if isinstance(told, dict) else None
    if not isinstance(value, int | float):
        return ""
    percent = max(0, min(100, round(100 * value)))
    return (
        f'<span class="mx-likely" title="calibrated probability that it is there"><span class="mx-bar" '
        f'aria-hidden="true"><i style="width:{percent}%"></i></span>{percent} %</span>'
    )


def _case(number: int | None, name: str, linked: bool) -> str:
    if number is None:
        return ""
    shown = text(name)
    if not linked:
        return f'<span class="mx-cite" title="{shown}">{number}</span>'
    return f'<a class="mx-cite" href="#case-{number}" title="{shown}" aria-label="case {number}, {shown}">{number}</a>'


def impression(lines: Sequence[str]) -> str:
    """Lay the impression out with the checker's marks."""
    if not lines:
        return f'<p class="mx-none">{wording.NOT_STATED}</p>'
    return f'<ol class="mx-impression">{"".join(map(_said, lines))}</ol>'


def _said(line: str) -> str:
    said, mark = wording.marked(line)
    shown = f' <span class="mx-badge mx-{_MARKED[mark]}">{text(mark)}</span>' if mark else ""
    return f"<li>{text(said)}{shown}</li>"


def problems(found: Sequence[Problem], quoted: bool = True) -> str:
    """List what the checker found wrong, with the sentences that it is about where they are not in sight."""
    shown = "".join(f"<li>{text(_problem(one, quoted))}</li>" for one in found)
    return f'<ul class="mx-problems">{shown}</ul>' if found else ""


def _problem(one: Problem, quoted: bool) -> str:
    return wording.problem(one) if quoted else f"{wording.kind(one)}: {one.detail}"


def changes(report: Report) -> str:
    """Lay out what became of each observation since the prior image."""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Observation", "Course", "Before", "Now"))
    body = "".join(map(_change, wording.ordered(report.changes)))
    return (
        f'<div class="mx-table mx-changes"><table><caption>{wording.CHANGES_NOTE}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _change(one: Change) -> str:
    cells = (wording.course(one), wording.verdict(one.before), wording.verdict(one.now))
    shown = "".join(f"<td>{text(cell)}</td>" for cell in cells)
    kind = "main" if one.course not in ("", "unchanged") else "other"
    return f'<tr class="{kind}"><th scope="row">{text(one.observation)}</th>{shown}</tr>'


def listing(lines: Sequence[str]) -> str:
    """Lay sentences out as a list."""
    return f'<ul class="mx-plain">{"".join(f"<li>{text(one)}</li>" for one in lines)}</ul>'


def provenance(report: Report) -> str:
    """Lay out what the report was made with."""
    shown = "".join(f"<dt>{text(name)}</dt><dd>{text(told)}</dd>" for name, told in wording.provenance(report).items())
    return f'<dl class="mx-provenance">{shown}</dl>'
