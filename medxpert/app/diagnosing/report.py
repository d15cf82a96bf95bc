"""The report beside the picture: asked for once, in stages, then read, decided on, saved and downloaded."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from medxpert.app import previewing
from medxpert.app.diagnosing import writer
from medxpert.app.diagnosing.choosing import Chosen
from medxpert.app.diagnosing.held import Asked, Held, answered, forget, hold
from medxpert.app.diagnosing.overlay import place, places
from medxpert.app.diagnosing.similar import SIMILAR
from medxpert.app.editor import begun, downloads, edit, save
from medxpert.app.opening import Opened, settings

_AGREE = (
    "Reports are written by another program than the offline reporter here. The privacy gate decides what may reach "
    "it; its decision stands with the report."
)
_JUMP = '<p class="mx-jump"><a href="#{}">{} similar cases below</a></p>'


def show(now: Opened, chosen: Chosen, asked: Asked, one: Held | None) -> None:
    """Draw the report, or make it."""
    if one is None:
        who = writer.must_agree(now)
        if who and not _agreed(who):
            return
        _make(now, chosen, asked)
        # the picture stands above what was just made, and shows where the score comes from
        st.rerun()
    if one.answer.hits:
        st.html(_JUMP.format(SIMILAR, len(one.answer.hits)))
    writer.show_writer(one.answer.report, one.preview)
    if one.answer.report.fallback_reason and st.button("Ask again", key="diagnose.again", icon=":material/refresh:"):
        forget(st.session_state, asked)
        st.rerun()
    key, answer = _key(asked), one.answer
    if one.review is None:
        one.review = begun(one.exported, key, chosen.title)
    one.review = edit(one.exported, one.review, key)
    st.caption(f"Looked at, weighed and written in {one.seconds:.1f} s.")
    save(one.exported, one.review, key, chosen.title, hits=answer.hits, voters=answer.voters)
    downloads(one.exported, one.review, now.exporters, key)


def _key(asked: Asked) -> str:
    return f"diagnose.report.{asked.content[:16]}.{asked.policy}"


def _agreed(who: str) -> bool:
    """Ask before anything may be sent: opening a page sends nothing."""
    st.info(_AGREE, icon=":material/outbox:")
    st.text(f"Reporter: {who}")
    return st.button("Write the report", key="diagnose.agree", type="primary")


def _make(now: Opened, chosen: Chosen, asked: Asked) -> None:
    with st.status("Looking at the image", expanded=True) as status:
        say = _teller(status.update)
        previewing.drop_preview()
        one = answered(now, chosen.kept, chosen.policy, settings().top_k, say)
        one.preview = previewing.drop_preview()
        for observation in places(one.answer.report)[:1]:
            say("finding where the score comes from")
            place(now, chosen.kept, one, observation)
        hold(st.session_state, asked, one)


def _teller(update: Callable[..., None]) -> Callable[[str], None]:
    def say(stage: str) -> None:
        update(label=f"{stage[:1].upper()}{stage[1:]} …")
        st.caption(stage)

    return say
