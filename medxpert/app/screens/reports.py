"""Saved reports: found, opened again with the evidence of their time, edited, compared with what they were."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from medxpert.app import access
from medxpert.app.editing import reopened, rows
from medxpert.app.editing.history import clock, fates
from medxpert.app.editing.keeping import archive
from medxpert.archive.record import Draft, Row, Saved
from medxpert.words import POLICIES, Policy

_PAGE = 50
_OPEN, _SHOWN = "reports.open", "reports.shown"
_LINK = "report"
_PLACEHOLDER = "Report, name of the image, run, reader"
_UNSEEN = "There is no such report, or it may be shown to authenticated sessions only."


def page() -> None:
    """Draw the screen."""
    st.html(rows.STYLE)
    chosen = st.session_state.get(_OPEN) or _linked()
    if chosen is None:
        st.title("Reports")
        _list()
    elif isinstance(chosen, Draft):
        _draft(chosen)
    else:
        _report(chosen)


def _policies() -> list[Policy]:
    return [policy for policy in POLICIES if access.may_see(policy)]


def _linked() -> Saved | None:
    """Return the report that the address names."""
    named = st.query_params.get(_LINK, "")
    return Saved(named, 0) if named else None


def _list() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Search reports", key="reports.text", placeholder=_PLACEHOLDER, icon=":material/search:")
        deleted = st.toggle("Deleted", key="reports.deleted", width="content")
    shown = int(st.session_state.get(_SHOWN, _PAGE))
    found = archive().search(text, _policies(), access.owner(), shown + 1, deleted=deleted)
    if found:
        _table(found[:shown])
        if len(found) > shown and st.button("Show more", key="reports.more"):
            st.session_state[_SHOWN] = shown + _PAGE
            st.rerun()
    else:
        st.info(_nothing(text, deleted), icon=":material/description:")
    _drafts()
    if len(_policies()) < len(POLICIES):
        st.caption("Reports that are not open are shown to authenticated sessions, and to the session that saved them.")


def _nothing(text: str, deleted: bool) -> str:
    if text:
        return "No saved report has all of these words. Beginnings of words are enough: try fewer."
    return (
        "Nothing was deleted."
        if deleted
        else "No report was saved yet: review one on the Diagnose screen, and save it."
    )


def _table(found: Sequence[Row]) -> None:
    st.caption("Tick a report to open it.")
    picked = st.dataframe(
        pd.DataFrame([_line(one) for one in found]),
        key="reports.table",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "image": st.column_config.TextColumn(width=150),
            "impression": st.column_config.TextColumn(width=260),
            "versions": st.column_config.NumberColumn(width="small"),
        },
    )
    if picked.selection.rows:
        one = found[picked.selection.rows[0]]
        _go(Saved(one.report_id, one.newest.version))


def _line(one: Row) -> dict[str, object]:
    told = "abstained: " if one.abstained else ""
    return {
        "image": one.name,
        "impression": told + one.newest.impression,
        "saved": clock(one.newest.saved_at),
        "by": one.newest.who,
        "versions": one.versions,
        "review": fates(one.newest.counts),
        "policy": one.policy,
        "run": one.run,
    }


def _drafts() -> None:
    # what others began is theirs, and the operator's
    found = archive().drafts(_policies() if access.user().authenticated else (), access.owner())
    if not found:
        return
    st.subheader("Begun and not saved")
    for at, one in enumerate(found):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            told = f"{one.name} · {one.who or 'nobody said who'}, {clock(one.kept_at)}"
            st.html(f'<p class="mx-told">{rows.text(told)}</p>', width="stretch")
            if st.button("Go on", key=f"reports.resume.{at}"):
                _go(one)
            if st.button("Discard", key=f"reports.discard.{at}", type="tertiary"):
                archive().drop_draft(one.owner, one.case_id)
                st.rerun()


def _go(where: Saved | Draft | None) -> None:
    """Open a report or draft; None for the list."""
    for name in (_OPEN, reopened.HELD, "reports.table"):
        st.session_state.pop(name, None)
    if where is not None:
        st.session_state[_OPEN] = where
    if isinstance(where, Saved):
        st.query_params[_LINK] = where.report_id
    else:
        st.query_params.pop(_LINK, None)
    st.rerun()


def _report(chosen: Saved) -> None:
    row = archive().row(chosen.report_id, _policies(), access.owner())
    if st.button("All reports", key="reports.back", icon=":material/arrow_back:", type="tertiary"):
        _go(None)
    if row is None:
        st.warning(_UNSEEN, icon=":material/lock:")
        return
    if not chosen.version:
        chosen = st.session_state[_OPEN] = Saved(row.report_id, row.newest.version)
    wanted = reopened.show_report(row, chosen)
    if wanted is not None:
        _go(wanted)


def _draft(chosen: Draft) -> None:
    if st.button("All reports", key="reports.back", icon=":material/arrow_back:", type="tertiary"):
        _go(None)
    if not access.may_see(chosen.policy) and chosen.owner != access.owner():
        st.warning(_UNSEEN, icon=":material/lock:")
        return
    saved = reopened.show_draft(chosen)
    if saved is not None:
        _go(saved)
