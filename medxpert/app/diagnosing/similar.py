"""The cases that an image is like, as the user wants to see them, and those that the report cites."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxpert.app.cards import show_cases
from medxpert.app.diagnosing.held import Held
from medxpert.app.opening import Opened, settings
from medxpert.app.uploads import Kept
from medxpert.assistant import Shown
from medxpert.cases import Cases
from medxpert.documents.evidence import Evidence
from medxpert.indexes.filter import Filter
from medxpert.indexes.writing import DEFAULT_MATCH, MATCHES
from medxpert.marking import by_report
from medxpert.searching.describe import COLUMNS, describe
from medxpert.searching.find import Searching
from medxpert.words import Hit

SIMILAR = "similar-cases"
"""Where they stand on the page."""
_COMPARED = {"image": "pictures", "text": "reports", "both": "both"}
_ANY = "any"
_MOST = 24
_PER_ROW = 3


def show(now: Opened, kept: Kept, held: Held) -> None:
    """Draw the similar cases, and below them what the report cites beside."""
    cases = now.assistant.gallery.cases
    with st.container(key="diagnose.wanted", horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.subheader("Similar cases", anchor=SIMILAR, width="content")
        shown = _wanted(cases)
    hits = _hits(now, kept, held, shown)
    numbers = Evidence.of(held.answer.report).numbers
    mark = by_report(held.answer.report)
    show_cases(hits, cases, mark, "diagnose.similar", _PER_ROW, numbers)
    there = {one.study_id for one in hits}
    cited = [one for one in held.answer.voters if one.study_id in numbers and one.study_id not in there]
    if cited:
        st.subheader("Further cases that the report cites", anchor=False)
        cited.sort(key=lambda one: numbers[one.study_id])
        show_cases(cited, cases, mark, "diagnose.cited", _PER_ROW, numbers)


def _wanted(cases: Cases) -> Shown:
    """Let the user say how many cases, like what, and of which kind."""
    most = min(_MOST, len(cases))
    top_k = st.slider("How many", 1, most, min(settings().top_k, most), key="diagnose.top_k", width=180)
    match = st.segmented_control(
        "By their",
        MATCHES,
        default=DEFAULT_MATCH,
        format_func=lambda name: _COMPARED[name],
        key="diagnose.match",
        required=True,
    )
    with st.popover("Filter", icon=":material/filter_alt:"):
        where = Filter(**{name: _filter(name, describe(cases).options(name)) for name in (*COLUMNS, "label")})
    return Shown(top_k, match or DEFAULT_MATCH, where)


def _filter(name: str, values: Sequence[str]) -> str | None:
    said = st.selectbox(name.capitalize(), (_ANY, *values), key=f"diagnose.filter.{name}")
    return None if said == _ANY else said


def _hits(now: Opened, kept: Kept, held: Held, shown: Shown) -> Sequence[Hit]:
    """Search again only where the user wants others than the answer has; the report stays as it is."""
    if shown == Shown(len(held.answer.hits)):
        return held.answer.hits
    assistant = now.assistant
    searching = Searching(assistant.encoder, assistant.gallery)
    return searching.find(kept.path, "", top_k=shown.top_k, match=shown.match, where=shown.where).hits
