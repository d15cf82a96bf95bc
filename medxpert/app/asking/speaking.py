"""A spoken question: what was heard stands in a box, to be read and mended before it is asked."""

from __future__ import annotations

from html import escape

import streamlit as st

from medxpert.app.opening import recogniser
from medxpert.app.uploads import keep_sound
from medxpert.audit import Audit
from medxpert.errors import MedXpertError
from medxpert.exchange import Heard
from medxpert.hearing import Hearing

_TAKEN, _HEARD, _FAULT, _MENDED = "ask.sound", "ask.heard", "ask.unheard", "ask.mended"
_HINT = "Ask, for example: is there a left pleural effusion? You can mend what was heard before it is asked."
PENDING = "ask.pending"
"""Key of the session: questions that wait for their answers."""


def listen(policy: str) -> None:
    """Draw the microphone, and the box with what was heard.

    Args:
        policy: of what is said.
    """
    st.caption(_HINT)
    sound = st.audio_input("Speak a question", key="ask.audio", label_visibility="collapsed")
    if sound is not None and sound.file_id != st.session_state.get(_TAKEN):
        st.session_state[_TAKEN] = sound.file_id
        _hear(sound.name or "speech.wav", sound.getvalue(), policy)
    _tell()


def _hear(name: str, content: bytes, policy: str) -> None:
    for key in (_HEARD, _FAULT):
        st.session_state.pop(key, None)
    try:
        with st.spinner("listening"):
            heard = Hearing(recogniser(), Audit()).heard(keep_sound(name, content).path, policy)
    except MedXpertError as error:
        st.session_state[_FAULT] = str(error)
        return
    if heard.text:
        st.session_state[_HEARD] = heard
        st.session_state[_MENDED] = heard.text
    else:
        st.session_state[_FAULT] = f"Not understood: {heard.reason}."


def _tell() -> None:
    fault, heard = st.session_state.get(_FAULT), st.session_state.get(_HEARD)
    if fault:
        st.html(f'<p class="mx-told" role="alert">{escape(fault)}</p>')
    if heard is not None:
        _mend(heard)


def _mend(heard: Heard) -> None:
    sure = "" if heard.confidence is None else f" ({heard.confidence:.0%} sure of all words)"
    with st.form("ask.mend", border=False):
        st.text_input(f"Heard{sure}; mend it, then ask", key=_MENDED)
        st.form_submit_button("Ask this", type="primary", key="ask.mended.go", on_click=_ask)


def _ask() -> None:
    st.session_state.setdefault(PENDING, []).append(str(st.session_state[_MENDED]))
    st.session_state.pop(_HEARD, None)
