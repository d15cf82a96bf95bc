"""What a study came to: plots, tables, files."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxpert.app.figures import show_block
from medxpert.app.studying import plots
from medxpert.app.studying.showing import told_html
from medxpert.rating import exporting
from medxpert.rating.analysis import Analysis, analyse
from medxpert.rating.design import SIMULATED
from medxpert.rating.layout import tables
from medxpert.rating.record import Rated, Study

_MOST = 8


@st.cache_data(max_entries=_MOST, show_spinner="Analysing")
def _analysed(key: str, given: int, _rated: Sequence[Rated], _study: Study) -> Analysis:
    """Analyse once for all who look; ratings are only ever added."""
    return analyse(_rated, _study)


def results(study: Study, rated: Sequence[Rated]) -> None:
    """Draw the analysis of a study whose sources may be named."""
    analysis = _analysed(study.key, sum(1 + one.corrections for one in rated), rated, study)
    st.subheader("Results")
    if study.design.get(SIMULATED):
        st.warning("Simulated readers: these ratings say nothing of any report.", icon=":material/warning:")
    with st.container(horizontal=True):
        for label, data, name, kind in (
            ("Analysis (JSON)", exporting.analysis_json(study, analysis), "analysis.json", "application/json"),
            ("Analysis (Markdown)", exporting.analysis_markdown(study, analysis), "analysis.md", "text/markdown"),
            ("Key of the sources (JSON)", exporting.key_json(study), "key.json", "application/json"),
        ):
            st.download_button(label, data, name, kind, on_click="ignore")
    with st.container(key="reader_study-plots"):
        left, right = st.columns(2, gap="large")
    left.markdown("##### Levels given")
    right.markdown("##### Differences, paired by case")
    for number, chart in enumerate(plots.levels(rated)):
        left.altair_chart(chart, key=f"reader_study.levels.{number}")
    for number, forest in enumerate(plots.differences(analysis)):
        right.altair_chart(forest, key=f"reader_study.differences.{number}")
    found = tables(study, analysis)
    for block in found.blocks:
        if block.detail:
            with st.expander(block.title):
                show_block(block)
        else:
            show_block(block)
    st.html(told_html(found.notes))
