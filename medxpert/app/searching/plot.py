"""The map of the gallery with the query in it: points that this session may see, coloured by what they show."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from medxpert.app import access
from medxpert.app.opening import Opened
from medxpert.documents.wording import line
from medxpert.labeler import label_report
from medxpert.ontology import OBSERVATIONS, SUPPORT_DEVICES
from medxpert.searching.describe import COLUMNS, describe
from medxpert.searching.find import Searched
from medxpert.searching.map import SAID, Atlas, Plane

_HEIGHT_PX = 560
_FIRST_CHARS = 90
_QUERY = "#ffffff"
_SAID = {"present": "#ff9d5c", "uncertain": "#ffe08a", "absent": "#4fb3d9", "not mentioned": "#5f6f80"}
_OTHERS = ("#4fb3d9", "#ff9d5c", "#86d993", "#d9a3ff", "#ffe08a", "#ff8fa3", "#7fe0d6", "#b0bec5")
_DRAWN_LAST = ("not mentioned", "absent", "uncertain", "present")
_COLOURS = (*OBSERVATIONS, *COLUMNS)
_PRINCIPAL, _ALONG = "Principal axes", "Two observations"
_TOLD = {
    _PRINCIPAL: "The two directions in which the images differ most. A text is placed by how it differs from other "
    "texts, an image by how it differs from other images; near neighbours in all dimensions may lie apart in two.",
    _ALONG: "How much nearer an image is to the prompts that affirm an observation than to those that deny it. A text "
    "is placed by the same score, but texts lie on another scale than images.",
}


def show(now: Opened, one: Searched | None) -> None:
    """Draw the map, its axes and colours chosen by the user.

    Args:
        now: the run.
        one: what was found; None to draw the gallery alone.
    """
    atlas = _atlas(now.state, now)
    kind, plane, colour = _controls(atlas, one)
    told = describe(now.assistant.gallery.cases)
    allowed = {policy: access.may_see(policy) for policy in set(told.policy)}  # type: ignore[arg-type]
    mask = np.array([allowed[policy] for policy in told.policy])
    rows = atlas.sample(mask)
    layers = [_points(now, atlas, plane, rows, colour)]
    if one is not None:
        hits = [hit.row for hit in one.hits if mask[hit.row]]
        layers += [*_hits(now, atlas, plane, np.array(hits, np.int64), one), *_query(plane, one)]
    whole = alt.layer(*layers).properties(
        height=_HEIGHT_PX, description=f"Map of {len(rows)} cases, coloured by {colour}"
    )
    st.altair_chart(whole.interactive(), key="search.chart")
    st.caption(f"{_counted(len(rows), int(mask.sum()), len(mask))} {_TOLD[kind]}")


@st.cache_resource(show_spinner=False, max_entries=3)
def _atlas(state: str, _now: Opened) -> Atlas:
    return Atlas(_now.assistant.gallery, _now.assistant.evidence.calibration.prompts)


def _counted(drawn: int, visible: int, whole: int) -> str:
    sampled = (
        f"A sample of {drawn:,} of {visible:,} cases, always the same." if drawn < visible else f"{drawn:,} cases."
    )
    hidden = f" {whole - visible:,} that are not open are left out." if visible < whole else ""
    return f"{sampled}{hidden}"


def _controls(atlas: Atlas, one: Searched | None) -> tuple[str, Plane, str]:
    first, second = _asked_about(one)
    with st.container(key="search.axes", horizontal=True, vertical_alignment="bottom", gap="medium"):
        kinds = (_PRINCIPAL, _ALONG)
        kind = st.segmented_control("Axes", kinds, default=_PRINCIPAL, key="search.plane", required=True) or _PRINCIPAL
        if kind == _ALONG:
            names = {
                axis: st.selectbox(
                    axis, OBSERVATIONS, OBSERVATIONS.index(usual), key=f"search.{axis}.{usual}", width=185
                )
                for axis, usual in (("Across", first), ("Up", second))
            }
            plane = atlas.along(names["Across"], names["Up"])
        else:
            plane = atlas.principal
        usual = _COLOURS.index(first)
        colour = st.selectbox("Colour", _COLOURS, usual, key=f"search.colour.{first}", format_func=_name, width=185)
    return kind, plane, str(colour)


def _name(colour: str) -> str:
    return colour.capitalize() if colour in COLUMNS else colour


def _asked_about(one: Searched | None) -> tuple[str, str]:
    """Return two observations that the query is about, else two that are common."""
    asked = [] if one is None else [name for name, value in label_report(one.text).items() if value is not None]
    told = [*asked, *(one.present if one else ()), "Pleural Effusion", "Cardiomegaly"]
    first, second, *_ = dict.fromkeys(name for name in told if name != SUPPORT_DEVICES or name in asked)
    return first, second


def _frame(now: Opened, atlas: Atlas, plane: Plane, rows: NDArray[np.int64]) -> pd.DataFrame:
    cases = now.assistant.gallery.cases
    # a text is cut before it is cleaned: the whole of 4,000 takes longer than all the rest
    texts = (line(cases.texts[row][: 2 * _FIRST_CHARS]) for row in rows.tolist())
    return pd.DataFrame(
        {
            **dict(zip("xy", atlas.at(plane, rows).T.round(4), strict=True)),
            "study": [line(cases.study_ids[row]) for row in rows.tolist()],
            "report": [f"{text[:_FIRST_CHARS]}…" if len(text) > _FIRST_CHARS else text for text in texts],
        }
    )


def _axes(plane: Plane) -> dict[str, Any]:
    scale, (across, up) = alt.Scale(zero=False, nice=True), plane.names
    return {"x": alt.X("x:Q", title=across, scale=scale), "y": alt.Y("y:Q", title=up, scale=scale)}


def _points(now: Opened, atlas: Atlas, plane: Plane, rows: NDArray[np.int64], colour: str) -> alt.Chart:
    frame = _frame(now, atlas, plane, rows)
    frame["kind"] = atlas.kinds(colour, rows)
    there = set(frame["kind"])
    if colour in COLUMNS:
        names = sorted(there)
        scale = alt.Scale(domain=names, range=[_OTHERS[i % len(_OTHERS)] for i in range(len(names))])
    else:
        names = [name for name in SAID.values() if name in there]
        scale = alt.Scale(domain=names, range=[_SAID[name] for name in names])
        # what is rare is drawn over what is common
        frame = frame.sort_values("kind", key=lambda kinds: kinds.map(_DRAWN_LAST.index), kind="stable")
    shown = alt.Color("kind:N", title=_name(colour), scale=scale, legend=alt.Legend(orient="top", symbolOpacity=1))
    marks = alt.Chart(frame).mark_circle(size=22, opacity=0.55)
    return marks.encode(**_axes(plane), color=shown, tooltip=["study:N", "kind:N", "report:N"])


def _hits(now: Opened, atlas: Atlas, plane: Plane, rows: NDArray[np.int64], one: Searched) -> list[alt.Chart]:
    frame = _frame(now, atlas, plane, rows)
    by_row = {hit.row: hit for hit in one.hits}
    frame["rank"] = [by_row[row].rank for row in rows.tolist()]
    frame["similarity"] = [round(by_row[row].score, 3) for row in rows.tolist()]
    told = alt.Chart(frame).encode(**_axes(plane), tooltip=["rank:Q", "study:N", "similarity:Q", "report:N"])
    rings = told.mark_point(size=130, stroke=_QUERY, strokeWidth=2, filled=False, opacity=1)
    return [rings, told.mark_text(dx=11, dy=-9, color=_QUERY, fontWeight="bold", fontSize=12).encode(text="rank:Q")]


def _query(plane: Plane, one: Searched) -> list[alt.Chart]:
    x, y = plane.at(one.vector[None], one.weight)[0].tolist()
    place = alt.Chart(pd.DataFrame({"x": [x], "y": [y], "what": ["query"]})).encode(**_axes(plane), tooltip=["what:N"])
    star = place.mark_point(shape="diamond", size=260, fill=_QUERY, stroke="#0c1117", strokeWidth=1.5, opacity=1)
    return [star, place.mark_text(dy=-18, color=_QUERY, fontWeight="bold", fontSize=13).encode(text="what:N")]
