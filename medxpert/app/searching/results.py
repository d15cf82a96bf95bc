"""What a search found: as cards, as a table, on the map; what the model does not know or the cases deny is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from time import perf_counter
from typing import Any, NamedTuple

import streamlit as st

from medxpert.app.cards import seen, show_cases
from medxpert.app.opening import Opened
from medxpert.app.searching.asking import Asked, query_policy
from medxpert.app.searching.choosing import Wanted, choose_view
from medxpert.app.searching.table import csv_of, rows
from medxpert.marking import Marker, by_any, by_observations, by_query
from medxpert.ontology import POSITIVE, UNCERTAIN
from medxpert.searching.find import Searched, Searching

_HELD = "search.held"
_BY = {"image": "their pictures", "text": "their reports", "both": "pictures and reports"}
_LEFT_OUT = "The image is left out and the text alone searched for"
_DENIED = "The cases found do not agree with the query about: {}."


class Held(NamedTuple):
    """A search and how long it took."""

    found: Searched
    seconds: float


def found(now: Opened, asked: Asked, wanted: Wanted) -> Held:
    """Search, or return what the same search found before in this session.

    Raises:
        ImageError: the image cannot be read.
        ConfigError: no case passes the filter.
    """
    key = (asked, wanted, now.state)
    if _HELD not in st.session_state or st.session_state[_HELD][0] != key:
        start = perf_counter()
        assistant = now.assistant
        policy = query_policy(asked, now.run.policy, str(now.run.path / "samples"))
        searching = Searching(assistant.encoder, assistant.gallery, assistant.evidence, policy)
        path = asked.image.path if asked.image else None
        one = searching.find(path, asked.text, *wanted)
        st.session_state[_HELD] = key, Held(one, perf_counter() - start)
    held: Held = st.session_state[_HELD][1]
    return held


def show(now: Opened, asked: Asked, held: Held) -> None:
    """Draw what was found."""
    one = held.found
    if one.judged is not None and one.judged.refused:
        told = _LEFT_OUT if one.text else "No search by this image"
        st.html(f'<div class="mx-abstained" role="alert">{told}: {escape(one.judged.reason)}</div>')
        if not one.text:
            return
    _told(one)
    if not one.hits:
        st.info("No case passes these filters.", icon=":material/filter_alt_off:")
        return
    cases = now.assistant.gallery.cases
    visible = rows(seen(one.hits, cases), cases, one.studies)
    with st.container(key="search.head", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<p class="mx-found">{_heading(asked, held)}</p>')
        view = choose_view()
        st.download_button(
            "CSV",
            csv_of(visible, one.policy),
            "similar_cases.csv",
            "text/csv",
            key="search.csv",
            icon=":material/download:",
            on_click="ignore",
            help=f"These cases as a table; policy: {one.policy}",
        )
    if view == "map":
        # the library that draws it takes a moment that cards need not wait for
        from medxpert.app.searching import plot

        plot.show(now, one)
    elif view == "table":
        _table(visible)
    else:
        notes = {name: f"This text stands in {count:,} studies" for name, count in one.studies.items() if count > 1}
        show_cases(one.hits, cases, marker(one), "search.cases", notes=notes)


def marker(one: Searched) -> Marker:
    """Return what marks the words of the query, and what speaks of the observations seen in its image."""
    by_image = by_observations(dict.fromkeys(one.present, (POSITIVE, UNCERTAIN)))
    return by_any(by_query(one.text), by_image) if one.text else by_image


def _told(one: Searched) -> None:
    if one.judged is not None and one.judged.reason and not one.judged.refused:
        tell = st.warning if one.judged.doubtful else st.info
        tell(one.judged.reason, icon=":material/warning:")
    if one.denied:
        st.warning(_DENIED.format(", ".join(one.denied)), icon=":material/warning:")


def _heading(asked: Asked, held: Held) -> str:
    one = held.found
    parts = [f"“<b>{escape(asked.text)}</b>”" if asked.text else "", "this image" if one.weight else ""]
    query = " and ".join(part for part in parts if part)
    count, what = len(one.hits), "text" if one.studies else "case"
    plural = "" if count == 1 else "s"
    return f"{count} {what}{plural} for {query}, by {_BY[one.match]} <span>{held.seconds:.2f} s</span>"


def _table(found: Sequence[Mapping[str, Any]]) -> None:
    named = [name for name in found[0] if any(one[name] != "" for one in found)] if found else []
    score = st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1)
    st.dataframe(
        {name: [one[name] for one in found] for name in named},
        key="search.table",
        hide_index=True,
        row_height=52,
        column_config={"score": score, "text": st.column_config.TextColumn(width="large")},
    )
