"""The coordinator's side: a study is made, filled, opened, watched, closed."""

from __future__ import annotations

import io
import zipfile

import pandas as pd
import streamlit as st

from medxpert.app import access
from medxpert.app.markup import literal
from medxpert.app.opening import opened
from medxpert.app.studying.originals import reader_of
from medxpert.app.studying.results import results
from medxpert.app.studying.showing import STATES, counted, report_html, seen, studies, title, told_html
from medxpert.rating import exporting
from medxpert.rating.design import CAPTION, MOST_CASES, SOURCES, Plan
from medxpert.rating.drawing import Drawing
from medxpert.rating.record import Study
from medxpert.rating.shaping import Shaped

_NEW = "reader_study.new"
_CHOSEN = "reader_study.chosen"
_MADE = "reader_study.made"
_CLOSED = (
    "Coordinating a study names its sources and its ratings, so it is for authenticated sessions: open the address "
    "with the token that was printed when the app was started."
)
_FREEZES = (
    "Opening brings all reports into one shape, freezes the design with a checksum and lets readers in; nothing can be "
    "added afterwards."
)


def coordinate() -> None:
    """Draw the coordinator's side."""
    if not access.user().authenticated:
        st.warning(_CLOSED, icon=":material/lock:")
        return
    found = seen(studies().studies())
    named = {one.key: one for one in found}
    if made := st.session_state.pop(_MADE, ""):
        st.session_state[_CHOSEN] = made
    if st.session_state.get(_CHOSEN) not in named:
        st.session_state.pop(_CHOSEN, None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox(
            "Study",
            list(named),
            format_func=lambda one: title(named[one]),
            key=_CHOSEN,
            placeholder="No study yet",
        )
        if st.button("New study", key="reader_study.start_new", icon=":material/add:"):
            st.session_state[_NEW] = True
    if st.session_state.get(_NEW) or not found:
        _create()
    elif key is not None:
        _show(named[key])


def _create() -> None:
    now = opened()
    st.subheader("New study")
    splits = [name for name in now.run.splits() if name != "train"]
    captions = "captioner" in now.assistant.made_with()
    offered = [name for name in SOURCES if name != CAPTION or captions]
    with st.form("reader_study.form", border=True):
        left, right = st.columns(2)
        name = left.text_input("Name", max_chars=80, key="reader_study.name")
        split = left.selectbox("Split", splits, index=splits.index("test") if "test" in splits else 0)
        cases = left.number_input("Cases", 2, MOST_CASES, 20, key="reader_study.cases")
        sources = left.multiselect(
            "Sources of reports",
            offered,
            default=offered[:3],
            key="reader_study.sources",
            help="Reports that were made elsewhere are imported as CSV before the study is opened.",
        )
        share = right.slider("Abnormal cases, percent", 0, 100, 60, 5, key="reader_study.share")
        again = right.slider("Reports that come twice, percent", 0, 50, 10, 5, key="reader_study.again")
        pause = right.number_input("Longest silence, minutes", 1, 60, 5, key="reader_study.silence", help=_SILENCE)
        seed = right.number_input("Seed", 0, 2**31 - 1, 0, key="reader_study.seed")
        st.html(told_html([f"{one}: {SOURCES[one]}" for one in offered]))
        if st.form_submit_button("Draw the cases", type="primary"):
            plan = Plan(name, split, int(cases), share / 100, tuple(sources), again / 100, float(pause), int(seed))
            _draw(plan)
    if st.session_state.get(_NEW) and st.button("Cancel", key="reader_study.cancel"):
        del st.session_state[_NEW]
        st.rerun()


_SILENCE = "A report that waits longer without a sign of its reader is left out of the analysis of time."


def _draw(plan: Plan) -> None:
    now = opened()
    with st.status("Drawing the cases", expanded=False) as status:
        drawing = Drawing(now.run, now.assistant, reader_of(now.run.path), lambda stage: status.update(label=stage))
        study = studies().create(plan, drawing, access.user().name)
        status.update(label="Drawn", state="complete")
    st.session_state.pop(_NEW, None)
    # the list takes it before it is drawn again
    st.session_state[_MADE] = study.key
    st.rerun()


def _show(study: Study) -> None:
    plan = study.design["plan"]
    facts = (
        STATES[study.state],
        counted(study.num_cases, "case"),
        counted(len(study.sources), "source"),
        f"policy {study.policy}",
        f"run {study.design.get('run', '')}, split {plan['split']}, seed {plan['seed']}",
    )
    st.html(told_html([" · ".join(facts), *study.design.get("told", ())]))
    if study.state == "draft":
        _fill(study)
    else:
        _watch(study)


def _fill(study: Study) -> None:
    cases = studies().cases(study.key)
    st.markdown("##### Reports")
    st.html(told_html([f"Sources: {', '.join(study.sources)}"]))
    with st.expander("Import reports that were made elsewhere"):
        st.caption("Take the cases and their pictures, have the reports written, fill in the column text, import it.")
        with st.container(horizontal=True):
            table = exporting.cases_csv(study, cases)
            st.download_button("Cases (CSV)", table, "cases.csv", "text/csv", on_click="ignore")
            st.download_button(
                "Pictures (ZIP)", lambda: _zip(study), "pictures.zip", "application/zip", on_click="ignore"
            )
        source = st.text_input("What to call this source", max_chars=40, key="reader_study.source")
        file = st.file_uploader(
            "Reports (CSV: study_id, text)", type=["csv"], key="reader_study.csv", max_upload_size=16
        )
        if st.button("Import", key="reader_study.import", disabled=file is None) and file is not None:
            studies().add_source(study.key, source, exporting.read_texts(file.getvalue()))
            st.rerun()
    st.dataframe(
        pd.DataFrame([{"case": one.number, "study": one.study_id, "abnormal": one.abnormal} for one in cases]),
        hide_index=True,
        height=220,
    )
    st.caption(_FREEZES)
    if st.button("Open to readers", type="primary", key="reader_study.open", icon=":material/play_arrow:"):
        studies().open(study.key)
        st.rerun()


def _zip(study: Study) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for one in studies().cases(study.key):
            archive.write(one.picture, one.picture.name)
    return held.getvalue()


def _watch(study: Study) -> None:
    st.html(told_html([f"Design sha256 {study.sha256}"]))
    found = studies().progress(study.key)
    if found:
        table = [{"reader": one.code, "rated": one.done, "of": one.total, "last": one.last[:16]} for one in found]
        st.dataframe(pd.DataFrame(table), hide_index=True)
    else:
        st.info("No reader yet. They open this page, choose Read, and enter a name.", icon=":material/group:")
    with st.container(horizontal=True):
        _actions(study)
        rated = studies().rated(study.key)
        ratings, design = exporting.ratings_csv(study, rated), exporting.design_json(study)
        st.download_button("Ratings (CSV)", ratings, "ratings.csv", "text/csv", on_click="ignore")
        st.download_button("Design (JSON)", design, "design.json", "application/json", on_click="ignore")
    if study.is_named and rated:
        if study.state == "open":
            st.warning(f"Unblinded by {literal(study.unblinded_by)} while open.", icon=":material/visibility:")
        _shown(study)
        results(study, rated)


def _actions(study: Study) -> None:
    if study.state == "open":
        with st.popover("Close", icon=":material/lock:"):
            st.caption("Readers cannot go on afterwards; sources may then be named.")
            if st.button("Close for good", type="primary", key="reader_study.close"):
                studies().close(study.key)
                st.rerun()
        if not study.is_named:
            with st.popover("Unblind", icon=":material/visibility:"):
                st.caption("Names the sources while readers still read. Who did it is kept in the design file.")
                if st.button("Name the sources", key="reader_study.unblind"):
                    studies().unblind(study.key, access.user().name)
                    st.rerun()


def _shown(study: Study) -> None:
    with st.expander("Reports with their sources"):
        shown: list[tuple[int, str, Shaped]] = studies().shown(study.key)
        case = st.selectbox("Case", sorted({one[0] for one in shown}), key=f"reader_study.case.{study.key}")
        for number, source, text in shown:
            if number == case:
                st.text(source)
                st.html(report_html(text))
