"""The reader study: radiologists rate reports of several sources, blinded; a coordinator draws, watches, analyses."""

from __future__ import annotations

import streamlit as st

from medxpert.app.studying.coordinator import coordinate
from medxpert.app.studying.reader import read
from medxpert.app.studying.showing import STYLE

_SIDES = {"Read": read, "Coordinate": coordinate}


def page() -> None:
    """Draw the screen."""
    st.html(STYLE)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Reader study")
        side = st.segmented_control(
            "Side",
            list(_SIDES),
            default="Read",
            key="reader_study.side",
            label_visibility="collapsed",
            required=True,
        )
    _SIDES[str(side)]()
