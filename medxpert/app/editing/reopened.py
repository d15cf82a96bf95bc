"""A saved report, or one that was begun and not saved, opened again with the evidence of its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from medxpert.app.editing import rows
from medxpert.app.editing.downloading import Signed
from medxpert.app.editing.history import clock, history
from medxpert.app.editing.keeping import archive
from medxpert.app.editor import downloads, edit, save
from medxpert.app.markup import literal
from medxpert.app.opening import opened
from medxpert.app.viewer.viewer import Film, viewer
from medxpert.archive.record import Draft, Record, Row, Saved
from medxpert.documents.evidence import Evidence, cards
from medxpert.documents.wording import line
from medxpert.errors import DataError
from medxpert.images.errors import ImageError
from medxpert.reviewing import Review

HELD = "reports.held"
_HEIGHT_PX = 520
_EVIDENCE_PX = 560


@dataclass
class Held:
    """What one session has open.

    Attributes:
        of: which version or draft.
        record: as it was saved.
        review: as it is now.
        at: the saved version that the session goes on from; None for a draft of a new report.
    """

    of: Saved | Draft
    record: Record
    review: Review
    at: Saved | None


def show_report(row: Row, chosen: Saved) -> Saved | None:
    """Draw a version of a saved report; return another one that the user wants to see.

    Args:
        row: the report, which this session may see.
        chosen: the version.

    Raises:
        DataError: it cannot be read any more.
    """
    held = _held(chosen, lambda: (archive().open(*chosen), chosen))
    key = f"reports.{row.report_id}.{chosen.version}"
    at = held.at or chosen
    _heading(row.name, f"Version {at.version} of {row.versions} · {row.policy} · run {row.run}")
    if at.version < row.newest.version:
        told = (
            f"Version {row.newest.version} is newer: what you save here is kept beside it, from version {at.version}."
        )
        st.info(told, icon=":material/history:")
    left, right = _halves()
    with left:
        _evidence(held.record, key)
    with right:
        now, past = st.tabs(["Report", f"History ({row.versions})"])
        with now:
            saved = _edit(held, key)
        with past:
            wanted = history(row, f"{key}.history")
    if saved is not None and saved != held.at:
        held.at = saved
        st.rerun()
    return wanted


def show_draft(chosen: Draft) -> Saved | None:
    """Draw a review that was begun and not saved; return its version once it is saved.

    Raises:
        DataError: somebody saved or discarded it meanwhile, or it cannot be read any more.
    """
    held = _held(chosen, lambda: (_begun(chosen), chosen.replaces))
    _heading(held.record.name, f"Begun by {chosen.who or 'somebody'}, {clock(chosen.kept_at)} · {chosen.policy}")
    key = f"reports.draft.{chosen.case_id}"
    left, right = _halves()
    with left:
        _evidence(held.record, key)
    with right:
        saved = _edit(held, key)
    if saved is None or saved == chosen.replaces:
        return None
    archive().drop_draft(chosen.owner, chosen.case_id)
    return saved


def _held(of: Saved | Draft, read: Callable[[], tuple[Record, Saved | None]]) -> Held:
    """Return what the session has open, read once: a reader's work is not lost by looking elsewhere."""
    held: Held | None = st.session_state.get(HELD)
    if held is None or held.of != of:
        record, at = read()
        held = st.session_state[HELD] = Held(of, record, record.review, at)
    return held


def _begun(chosen: Draft) -> Record:
    record = archive().draft(chosen.owner, chosen.case_id)
    if record is None:
        raise DataError(f"{line(chosen.name)}: this review was saved or discarded meanwhile; look in the list")
    return record


def _halves() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the places of picture and report: side by side, on a tablet one above the other."""
    with st.container(key="reports-body"):
        left, right = st.columns([6, 5], gap="large")
    return left, right


def _heading(name: str, told: str) -> None:
    st.title(literal(name))
    st.html(f'<p class="mx-told">{rows.text(told)}</p>')


def _edit(held: Held, key: str) -> Saved | None:
    record = held.record
    held.review = edit(record.exported, held.review, key)
    saved = save(
        record.exported, held.review, key, record.name, record.run, record.hits, record.voters, replaces=held.at
    )
    downloads(record.exported, held.review, opened().exporters, key, _signed(held))
    return saved


def _signed(held: Held) -> Signed | None:
    """Return the version that is open as it was saved; None for a draft."""
    if held.at is None:
        return None
    found = {one.version: one for one in archive().history(held.at.report_id)}
    one = found[held.at.version]
    return Signed(archive().open(*held.at).review, one.who, one.saved_at)


def _evidence(record: Record, key: str) -> None:
    """Draw the picture, the cases that the report cites, and those that were shown beside it."""
    exported = record.exported
    if record.fault:
        st.warning(f"{literal(record.fault)}; shown is what the model saw.", icon=":material/warning:")
    _picture(record, key)
    shown = cards(Evidence.of(exported.report), exported.cited)
    if shown:
        st.markdown("##### Evidence of its time")
        with st.container(height=_EVIDENCE_PX, border=False):
            st.html(f'<div class="mx-evidence">{shown}</div>')
    if record.hits:
        with st.expander(f"The {len(record.hits)} similar cases that were shown", icon=":material/view_list:"):
            told = [(hit.rank, hit.score, hit.study_id, line(hit.text)) for hit in record.hits]
            st.dataframe(pd.DataFrame(told, columns=["rank", "score", "study", "text"]), hide_index=True)


def _picture(record: Record, key: str) -> None:
    exported = record.exported
    if exported.pixels is None:
        st.info(f"A text was asked about: {literal(record.name)}", icon=":material/search:")
        return
    if exported.source is not None and not record.fault:
        try:
            viewer([Film(exported.source, line(record.name))], f"{key}.viewer", _HEIGHT_PX)
            return
        except ImageError as error:
            st.warning(f"{literal(f'{record.name}: {error}')}; shown is what the model saw.", icon=":material/warning:")
    st.image(exported.pixels, caption="As the model saw it", width="stretch")
