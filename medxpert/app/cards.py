"""Cases as cards: picture, rank, similarity, where it comes from, its text with words marked, its labels.

Everything that comes from a case is escaped; cases that this session may not see are left out and counted.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files

import streamlit as st

from medxpert.app import access
from medxpert.cases import Cases
from medxpert.documents.wording import line
from medxpert.marking import pieces
from medxpert.ontology import NO_FINDING, POSITIVE, UNCERTAIN
from medxpert.searching.describe import describe
from medxpert.words import Hit

Span = tuple[int, int]
_STYLE = f"<style>{files('medxpert.app').joinpath('cards.css').read_text(encoding='utf-8')}</style>"
_LONG_CHARS = 300
"""From here on a text may have to be scrolled."""
_HIDDEN = "{} of {} cases are not open: only an authenticated session is shown them."


@dataclass(frozen=True)
class _Cards:
    """How hits are drawn."""

    cases: Cases
    marked: Callable[[str], Sequence[Span]]
    numbers: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def card(self, hit: Hit, jpeg: bytes) -> str:
        number = self.numbers.get(hit.study_id)
        name = escape(line(hit.study_id))
        anchor = "" if number is None else f' id="case-{number}"'
        told = f'<div class="mx-card-told">{self._told(hit, name)}</div>'
        top = f'<div class="mx-card-top">{_picture(jpeg, name)}{told}</div>'
        parts = [top, _chips(hit.labels), self._text(hit.text)]
        rank = f"Case {hit.rank}" if number is None else f"Cited as {number}"
        label = f"{rank}: {name}, similarity {hit.score:.2f}"
        return f'<article class="mx-card" tabindex="0" aria-label="{label}"{anchor}>{"".join(parts)}</article>'

    def _told(self, hit: Hit, name: str) -> str:
        number, note = self.numbers.get(hit.study_id), self.notes.get(hit.study_id, "")
        rank = "" if self.numbers else f"<b>{hit.rank}.</b>"
        first = rank if number is None else f'<b class="mx-card-cited"><span>cited as </span>{number}</b>'
        told = [
            f'<p class="mx-card-name">{first}<span>{name}</span></p>',
            _score(hit.score),
            f'<span class="mx-card-where">{escape(self._where(hit))}</span>',
            f'<span class="mx-card-note">{escape(note)}</span>' if note else "",
        ]
        return "".join(told)

    def _where(self, hit: Hit) -> str:
        """Say where a case comes from; its rank, too, where another number stands first."""
        told = _where(self.cases, hit.row)
        return " · ".join(filter(None, (f"rank {hit.rank}", told))) if self.numbers else told

    def _text(self, text: str) -> str:
        cut = pieces(text, self.marked(text))
        said = "".join(f'<mark class="mx-mark">{escape(one)}</mark>' if marked else escape(one) for one, marked in cut)
        focus = ' tabindex="0"' if len(text) > _LONG_CHARS else ""
        return f'<p class="mx-card-text"{focus}>{said}</p>' if text.strip() else ""


def seen(hits: Sequence[Hit], cases: Cases) -> list[Hit]:
    """Return the hits that this session may see."""
    policies = describe(cases).policy
    return [hit for hit in hits if access.may_see(policies[hit.row])]  # type: ignore[arg-type]


def show_cases(
    hits: Sequence[Hit],
    cases: Cases,
    marked: Callable[[str], Sequence[Span]],
    key: str,
    columns: int = 3,
    numbers: Mapping[str, int] | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Draw cases as cards of equal height, as far as this session may see them.

    Args:
        hits: rows of `cases`.
        cases: the gallery's.
        marked: returns what to mark of a text.
        key: of the container; no other on the page may have it.
        columns: at most; fewer where there is less room.
        numbers: study id -> its number among those cited; the card then begins with it and is the anchor `case-N`.
        notes: study id -> one more line about the case.
    """
    shown = seen(hits, cases)
    st.html(_STYLE)
    with st.container(key=key):
        if len(shown) < len(hits):
            st.warning(_HIDDEN.format(len(hits) - len(shown), len(hits)), icon=":material/lock:")
        if shown:
            st.html(cards(shown, cases, marked, columns, numbers, notes))


def cards(
    hits: Sequence[Hit],
    cases: Cases,
    marked: Callable[[str], Sequence[Span]],
    columns: int = 3,
    numbers: Mapping[str, int] | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Return the markup of cards; see `show_cases`. Whoever calls has asked who may see them."""
    drawn = _Cards(cases, marked, numbers or {}, notes or {})
    rows = sorted({hit.row for hit in hits})
    pictures = dict(zip(rows, cases.thumbnails(rows), strict=True))
    each = "".join(f"<li>{drawn.card(hit, pictures[hit.row])}</li>" for hit in hits)
    return f'<ul class="mx-cards" style="--columns:{max(columns, 1)}">{each}</ul>'


def _picture(jpeg: bytes, name: str) -> str:
    if not jpeg:
        return '<div class="mx-card-blank">no picture</div>'
    data = base64.b64encode(jpeg).decode()
    return f'<img src="data:image/jpeg;base64,{data}" alt="Radiograph of {name}" loading="lazy">'


def _score(score: float) -> str:
    width = round(100 * min(max(score, 0.0), 1.0))
    bar = f'<span class="mx-card-bar" aria-hidden="true"><i style="width:{width}%"></i></span>'
    return f'<span class="mx-card-score" title="cosine similarity to the query">{score:.3f}{bar}</span>'


def _where(cases: Cases, row: int) -> str:
    told = describe(cases)
    return " · ".join(line(one) for one in (told.view[row], told.split[row], told.source[row]) if one)


def _chips(labels: Mapping[str, int]) -> str:
    """Return the labels that are positive, then the uncertain ones."""
    there = [name for name, value in labels.items() if value == POSITIVE]
    unsure = [name for name, value in labels.items() if value == UNCERTAIN]
    chips = [f'<span class="{"normal" if name == NO_FINDING else "present"}">{escape(name)}</span>' for name in there]
    chips += [f'<span class="unsure">{escape(name)}, uncertain</span>' for name in unsure]
    return f'<div class="mx-card-chips">{"".join(chips)}</div>' if chips else ""
