"""A spoken query: what was heard is written into the search box, to be read and mended before it runs."""

from __future__ import annotations

from html import escape

import streamlit as st

from medxpert.app.opening import recogniser, settings
from medxpert.app.uploads import keep_sound
from medxpert.audit import Audit
from medxpert.errors import MedXpertError
from medxpert.exchange import Heard
from medxpert.hearing import Hearing

_HEARD, _FAULT, _WAITING, _ROUND = "search.heard", "search.fault", "search.waiting", "search.sounds"
_HINT = "Say a findings query, such as: large left pleural effusion. You can mend what was heard before it runs."
_CHECK = "Read it, mend it, then press Search."


def listen() -> None:
    """Draw the microphone behind a button; draw the page anew when something was said."""
    number = st.session_state.get(_ROUND, 0)
    with st.popover("Speak", icon=":material/mic:", key=f"search.speak.{number}"):
        st.caption(_HINT)
        sound = st.audio_input("Speak a query", key=f"search.audio.{number}", label_visibility="collapsed")
        if sound is None:
            return
        forget()
        with st.spinner("listening"):
            _hear(sound.name, sound.getvalue())
    # new keys close what was opened, and drop the recording
    st.session_state[_ROUND] = number + 1
    st.rerun()


def _hear(name: str, content: bytes) -> None:
    try:
        kept = keep_sound(name, content)
        heard = Hearing(recogniser(), Audit()).heard(kept.path, settings().policy)
    except MedXpertError as error:
        st.session_state[_FAULT] = str(error)
        return
    st.session_state[_HEARD] = heard
    if heard.text:
        st.session_state[_WAITING] = heard.text


def waiting() -> str | None:
    """Return what was just heard, once; None where nothing was."""
    text: str | None = st.session_state.pop(_WAITING, None)
    return text


def tell() -> None:
    """Say in one line what became of the last recording, until the next search."""
    heard: Heard | None = st.session_state.get(_HEARD)
    if _FAULT in st.session_state:
        line(st.session_state[_FAULT])
    elif heard is not None and heard.text:
        sure = "" if heard.confidence is None else f", {heard.confidence:.0%} sure of all words"
        st.html(f'<p class="mx-heard">Heard “<b>{escape(heard.text)}</b>”{sure}. {_CHECK}</p>')
    elif heard is not None:
        line(f"Not understood: {heard.reason}.")


def line(text: str) -> None:
    """Say in one line what went wrong; the text may name what a user sent."""
    st.html(f'<p class="mx-fault" role="alert">{escape(text)}</p>')


def said(text: str) -> bool:
    """Tell whether a text is what was heard, word for word."""
    heard: Heard | None = st.session_state.get(_HEARD)
    return heard is not None and bool(heard.text) and heard.text == text


def forget() -> None:
    """Drop what was heard."""
    st.session_state.pop(_HEARD, None)
    st.session_state.pop(_FAULT, None)
