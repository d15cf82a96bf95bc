"""The versions of a saved report: who and when, what differs, and an old one made the newest again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

import streamlit as st

from medxpert.app import access
from medxpert.app.editing import rows
from medxpert.app.editing.keeping import archive
from medxpert.app.markup import literal
from medxpert.archive.difference import Difference, Piece, differences
from medxpert.archive.record import Row, Saved, SavedBesideError, Version
from medxpert.reviewing import Choice

_NAMELESS = "Say who you are first, under You: the history names who made a version the newest."
_DELETES = (
    "It leaves the list, and its film leaves this machine unless another report needs it. All versions are kept, with "
    "what the model saw, who deleted them and when."
)
_TAGS = {"same": "span", "added": "ins", "gone": "del"}


def clock(when: datetime) -> str:
    """Return a time as it is shown."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def fates(counts: Mapping[Choice, int]) -> str:
    """Return how many findings met which fate, such as "3 accepted, 1 open"."""
    told = [f"{counts[name]} {name}" for name in ("accepted", "edited", "rejected", "open") if counts.get(name)]
    return ", ".join(told) or "no findings"


def history(row: Row, key: str) -> Saved | None:
    """Draw the versions; return the one that the user wants to see, or that was made the newest again.

    Args:
        row: the report.
        key: begins the keys of the widgets.
    """
    versions = archive().history(row.report_id)
    for one in versions:
        _version(one, row.newest.version)
    wanted = _differences(row, versions, key) if len(versions) > 1 else None
    _deletion(row, key)
    return wanted


def _version(one: Version, newest: int) -> None:
    branch = f" · made from version {one.parent}, beside the one before it" if one.is_branch else ""
    mark = " · newest" if one.version == newest else ""
    who = f"{one.who or 'somebody'}, {clock(one.saved_at)}"
    st.html(
        f'<div class="mx-version"><b>Version {one.version}</b> {rows.text(who)}{mark}{branch}'
        f"<br><span>{rows.text(fates(one.counts))} · {rows.text(one.impression)}</span></div>"
    )


def _differences(row: Row, versions: Sequence[Version], key: str) -> Saved | None:
    st.markdown("##### Differences")
    numbers = [one.version for one in versions]
    left, right = st.columns(2)
    old = left.selectbox("From version", numbers, index=1, key=f"{key}.from")
    new = right.selectbox("To version", numbers, index=0, key=f"{key}.to")
    before = archive().open(row.report_id, old)
    st.html(difference_list(differences(before, archive().open(row.report_id, new))))
    with st.container(horizontal=True, gap="small"):
        if st.button(f"Open version {old}", key=f"{key}.open", icon=":material/visibility:"):
            return Saved(row.report_id, int(old))
        restored = st.button(f"Make version {old} the newest", key=f"{key}.restore", icon=":material/history:")
        if restored and not access.user().name:
            st.warning(_NAMELESS)
        elif restored:
            try:
                return archive().save(before, access.user().name, access.owner(), Saved(row.report_id, numbers[0]))
            except SavedBesideError as error:
                st.warning(literal(str(error)), icon=":material/warning:")
    return None


def _deletion(row: Row, key: str) -> None:
    if not access.user().authenticated and archive().row(row.report_id, (), access.owner()) is None:
        return
    if row.deleted_at is not None:
        st.warning(f"Deleted by {literal(row.deleted_by or 'somebody')}, {clock(row.deleted_at)}.")
        st.button("Take it back", key=f"{key}.undelete", on_click=archive().undelete, args=(row.report_id,))
        return
    with st.popover("Delete", icon=":material/delete:"):
        st.caption(_DELETES)
        who = access.user().name
        st.button("Delete this report", key=f"{key}.delete", on_click=archive().delete, args=(row.report_id, who))


def difference_list(found: Sequence[Difference]) -> str:
    """Lay differences out; nothing in them is markup."""
    if not found:
        return '<p class="mx-none">These versions say the same.</p>'
    shown = "".join(f"<dt>{rows.text(one.part)}</dt><dd>{_marked(one.pieces)}</dd>" for one in found)
    return f'<dl class="mx-diff">{shown}</dl>'


def _marked(pieces: Sequence[Piece]) -> str:
    return "".join(f'<{_TAGS[one.kind]} class="mx-{one.kind}">{_text(one.words)}</{_TAGS[one.kind]}>' for one in pieces)


def _text(words: str) -> str:
    """Return words in which nothing is markup or hidden, spaces at the ends kept."""
    shown = rows.text(words)
    before = " " if words[:1].isspace() else ""
    after = " " if words[-1:].isspace() and shown else ""
    return escape(before) + shown + after
