"""Saving a reviewed report, and keeping what nobody saved yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from medxpert.app import access
from medxpert.app.markup import literal
from medxpert.app.opening import settings
from medxpert.archive.archive import Archive
from medxpert.archive.reading import case_id
from medxpert.archive.record import Record, Saved, SavedBesideError
from medxpert.exchange import Exported
from medxpert.reviewing import Review
from medxpert.words import Hit

FOLDER = "reports"
_UNNAMED = "unnamed image"


@st.cache_resource(show_spinner=False)
def _archive(folder: str) -> Archive:
    return Archive(Path(folder) / FOLDER)


def archive() -> Archive:
    """Return where reports are saved; shared by all sessions.

    Raises:
        ConfigError: the app's folder cannot be written.
        DataError: the database there is damaged, or newer than this program.
    """
    return _archive(str(settings().folder))


def save(
    exported: Exported,
    review: Review,
    key: str,
    name: str = "",
    run: str = "",
    hits: Sequence[Hit] = (),
    voters: Sequence[Hit] = (),
    replaces: Saved | None = None,
) -> Saved | None:
    """Draw the button that saves, and keep what is not saved yet; return the version that this session goes on from.

    Args:
        exported: the report with what it cites.
        review: of it.
        key: begins the keys of the widgets.
        name: of the image, as its user calls it.
        run: that the report was made with; by default the one that its provenance names.
        hits: the similar cases that were shown.
        voters: the training cases behind the report.
        replaces: the saved version that was opened; None for a report that was never saved.
    """
    run = run or str(exported.report.provenance.get("run", ""))
    record = Record(exported, review, name or _UNNAMED, run, tuple(hits), tuple(voters))
    base = f"{key}.{case_id(record)}"
    st.session_state.setdefault(f"{base}.saved", replaces)
    _keep(record, base)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        who = _who(base)
        if st.button("Save report", key=f"{base}.save", type="primary", icon=":material/save:"):
            _save(record, base, who)
    return _tell(base)


def begun(exported: Exported, name: str = "", run: str = "", review: Review | None = None) -> Review:
    """Return the review of a report that this session began and did not save; the one given where there is none.

    Args:
        exported: the report with what it cites.
        name: as `save` is given.
        run: likewise.
        review: what was saved of it.
    """
    run = run or str(exported.report.provenance.get("run", ""))
    case = case_id(Record(exported, Review(), name or _UNNAMED, run))
    draft = archive().draft(access.owner(), case)
    return draft.review if draft else review or Review()


def _keep(record: Record, base: str) -> None:
    """Keep a draft as soon as something was decided, so that a crash loses nothing."""
    kept = st.session_state.setdefault(f"{base}.kept", record.review)
    if record.review != kept:
        archive().keep_draft(record, access.user().name, access.owner(), st.session_state[f"{base}.saved"])
        st.session_state[f"{base}.kept"] = record.review
        st.session_state[f"{base}.told"] = ""


def _who(base: str) -> str:
    known = access.user().name
    if known:
        return known
    key = f"{base}.who"
    typed = st.text_input(
        "Your name",
        key=key,
        max_chars=access.MOST_LETTERS,
        placeholder="Who reviewed it",
        width=220,
        on_change=access.take_name,
        args=(key,),
    )
    return str(typed)


def _save(record: Record, base: str, who: str) -> None:
    if not who.strip():
        st.session_state[f"{base}.told"] = "Say who you are first: the history names who reviewed a report."
        return
    try:
        saved = archive().save(record, who, access.owner(), st.session_state[f"{base}.saved"])
        told = ""
    except SavedBesideError as error:
        saved, told = error.saved, str(error)
    st.session_state[f"{base}.saved"], st.session_state[f"{base}.told"] = saved, told
    st.session_state[f"{base}.at"] = (saved, record.review)


def _tell(base: str) -> Saved | None:
    saved: Saved | None = st.session_state[f"{base}.saved"]
    told = st.session_state.get(f"{base}.told", "")
    at = st.session_state.get(f"{base}.at")
    if told:
        st.warning(literal(told), icon=":material/warning:")
    if at and at == (saved, st.session_state[f"{base}.kept"]):
        st.success(f"Saved as version {at[0].version}.", icon=":material/check:")
    elif saved or st.session_state.get(f"{base}.kept") != Review():
        st.caption("Not saved yet; kept as a draft until you save." if not saved else f"From version {saved.version}.")
    return saved
