"""What the findings of a page rest on: numbered cases with their pictures, and scores."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import NamedTuple, get_args

from medxpert.documents import wording
from medxpert.reporting import Finding, Report, Status

Thumbnail = tuple[bytes, str, float]
"""JPEG bytes (none where there is no picture), text, and similarity to the query."""
_STATUSES = get_args(Status)
_SHOWN_CHARS = 1200
"""Longer texts are cut: they are whole in the run."""


class Evidence(NamedTuple):
    """The cases that a report cites.

    Attributes:
        report: whose evidence it is.
        numbers: study id -> its number, from 1 in the order of the citations.
    """

    report: Report
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, report: Report) -> Evidence:
        """Number the cases that a report cites."""
        studies = dict.fromkeys(name for one in report.findings for name in wording.cited(one, report).studies)
        return cls(report, {name: number for number, name in enumerate(studies, 1)})

    def cell(self, finding: Finding) -> str:
        """Return a finding's scores with their probabilities, and its cases as links to their cards."""
        scores, studies = wording.cited(finding, self.report)
        told = "".join(
            f'<span class="scores"><b>{escape(wording.line(name))}</b> {probability:.2f}</span>'
            for name, probability in scores.items()
        )
        links = "".join(self._link(name) for name in studies)
        cites = f'<span class="cites">{links}</span>' if links else ""
        return told + cites or '<span class="none">none</span>'

    def _link(self, name: str) -> str:
        shown, number = escape(wording.line(name)), self.numbers[name]
        return f'<a href="#case-{number}" title="{shown}" aria-label="case {number}, {shown}">{number}</a>'

    def cited_for(self, name: str) -> str:
        """Return what a case is cited for."""
        citing = [one for one in self.report.findings if name in one.evidence]
        said = {status: [one.observation for one in citing if one.status == status] for status in _STATUSES}
        return wording.line("; ".join(f"{', '.join(names)} ({status})" for status, names in said.items() if names))


def cards(evidence: Evidence, thumbnails: Mapping[str, Thumbnail]) -> str:
    """Lay the cited cases out, a card each; "" where none is cited."""
    shown = "\n".join(_card(evidence, name, thumbnails.get(name)) for name in evidence.numbers)
    note = "The cited cases of the training data, numbered in the order of the citations, with similarity to the query."
    return f'<p class="note">{note}</p>\n<div class="cards">\n{shown}\n</div>' if shown else ""


def _card(evidence: Evidence, name: str, thumbnail: Thumbnail | None) -> str:
    jpeg, words, score = thumbnail or (b"", "", None)
    number = evidence.numbers[name]
    lines = [
        f'<span class="name">{number} · {escape(wording.line(name))}</span>',
        f"<span>similarity {score:.3f}</span>" if score is not None else "",
        f'<span class="for">cited for {escape(evidence.cited_for(name))}</span>',
        f'<span class="text">{escape(_cut(words))}</span>' if words.strip() else "",
    ]
    caption = f"<figcaption>{''.join(lines)}</figcaption>"
    return f'<figure class="card" id="case-{number}" tabindex="-1">{_picture(jpeg, number)}{caption}</figure>'


def _picture(jpeg: bytes, number: int) -> str:
    if not jpeg:
        return '<div class="blank">no picture</div>'
    encoded = base64.b64encode(jpeg).decode("ascii")
    return f'<img alt="Case {number}" loading="lazy" src="data:image/jpeg;base64,{encoded}">'


def _cut(words: str) -> str:
    text = wording.line(words)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS].rstrip()}…"
