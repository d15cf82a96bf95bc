"""How a search is done and shown: compared with what, how many, of which kind; kept while other screens are open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import streamlit as st

from medxpert.app.opening import settings
from medxpert.app.searching.asking import Asked
from medxpert.indexes.filter import Filter
from medxpert.indexes.writing import DEFAULT_MATCH, MATCHES, Match
from medxpert.searching.describe import COLUMNS, Described

View = Literal["cards", "table", "map"]
VIEWS: dict[View, str] = {
    "cards": ":material/grid_view:",
    "table": ":material/table_rows:",
    "map": ":material/scatter_plot:",
}
MOST = 48
_COMPARED: dict[Match, str] = {"image": "pictures", "text": "reports", "both": "both"}
_ANY = "any"
_LABEL = "label"
_KEPT = "search.kept"
_EACH = "Of reports that read the same only the nearest, and how many studies bear it"


class Wanted(NamedTuple):
    """How a search is done.

    Attributes:
        weight: share of the image where there is a text, too.
        top_k: how many cases.
        match: what of the cases is compared.
        where: which cases.
        distinct: each text once.
    """

    weight: float
    top_k: int
    match: Match
    where: Filter
    distinct: bool


def choose(asked: Asked, told: Described, policy: str | None) -> Wanted:
    """Draw the controls; return what they say.

    Args:
        asked: what is searched for.
        told: the cases.
        policy: that cases must have; None for any.
    """
    most = min(MOST, len(told.cases))
    _restore(told, most)
    with st.container(key="search.wanted", horizontal=True, vertical_alignment="bottom", gap="medium"):
        match = st.segmented_control(
            "Compare with", MATCHES, format_func=_COMPARED.__getitem__, key="search.match", required=True
        )
        top_k = st.slider("How many", 1, most, key="search.top_k", width=150) if most > 1 else 1
        weight = 0.5
        if asked.text and asked.image:
            weight = st.slider("Text or image", 0.0, 1.0, step=0.05, key="search.weight", width=150, help=_weight())
        where = _filter(told, policy)
        distinct = match == "text" and st.toggle("Each report once", key="search.distinct", help=_EACH)
    _keep()
    return Wanted(weight, top_k, match or DEFAULT_MATCH, where, distinct)


def choose_view() -> View:
    """Let the user say how the cases are shown."""
    chosen = st.segmented_control(
        "Show as", list(VIEWS), format_func=_icon, key="search.view", required=True, label_visibility="collapsed"
    )
    return chosen or "cards"


def _weight() -> str:
    return "The image's share: 0 searches with the text alone, 1 with the image alone."


def _icon(view: View) -> str:
    return f"{VIEWS[view]} {view.capitalize()}"


def _filter(told: Described, policy: str | None) -> Filter:
    names = (*COLUMNS, _LABEL)
    active = sum(st.session_state[_of(name)] != _ANY for name in names)
    with st.popover(f"Filter ({active})" if active else "Filter", icon=":material/filter_alt:", key="search.filters"):
        chosen = {name: _one(name, told.options(name)) for name in names}
        st.button("Clear", key="search.clear", on_click=_clear, disabled=not active)
    return Filter(policy=policy, **chosen)


def _one(name: str, values: Sequence[str]) -> str | None:
    said = st.selectbox(name.capitalize(), (_ANY, *values), key=_of(name))
    return None if said == _ANY else said


def _of(name: str) -> str:
    return f"search.filter.{name}"


def _clear() -> None:
    for name in (*COLUMNS, _LABEL):
        st.session_state[_of(name)] = _ANY


def _restore(told: Described, most: int) -> None:
    """Set what the session has not: streamlit forgets widgets that a page does not draw."""
    kept = st.session_state.get(_KEPT, {})
    defaults: dict[str, Any] = {
        "search.match": DEFAULT_MATCH,
        "search.top_k": settings().top_k,
        "search.weight": 0.5,
        "search.view": "cards",
        "search.distinct": True,
        **{_of(name): _ANY for name in (*COLUMNS, _LABEL)},
    }
    for key, value in defaults.items():
        if key not in st.session_state:
            st.session_state[key] = kept.get(key, value)
    st.session_state["search.top_k"] = min(st.session_state["search.top_k"], most)
    for name in (*COLUMNS, _LABEL):
        # another run may have other values
        if st.session_state[_of(name)] not in (_ANY, *told.options(name)):
            st.session_state[_of(name)] = _ANY


def _keep() -> None:
    names = ("match", "top_k", "weight", "view", "distinct", *(f"filter.{name}" for name in (*COLUMNS, _LABEL)))
    st.session_state[_KEPT] = {f"search.{name}": st.session_state[f"search.{name}"] for name in names}
