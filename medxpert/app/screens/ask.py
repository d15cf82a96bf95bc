"""A conversation about one image: each answer with how sure it is and what it rests on."""

from __future__ import annotations

from importlib.resources import files
from time import perf_counter

import streamlit as st

from medxpert.app import access
from medxpert.app.asking import speaking
from medxpert.app.asking.speaking import PENDING
from medxpert.app.asking.suggesting import suggested
from medxpert.app.asking.talk import About, Talk, Turn, cited_by, named_by, scores_of, talk_about
from medxpert.app.asking.turns import STYLE, show_fault, show_question, show_turn
from medxpert.app.diagnosing import choosing, writer
from medxpert.app.diagnosing.choosing import Chosen
from medxpert.app.opening import Opened, opened, settings
from medxpert.app.viewer.viewer import Film, viewer
from medxpert.assistant import Shown
from medxpert.errors import DataError, MedXpertError
from medxpert.questions.asked import MOST_LETTERS, understand

_CHOICE = f"<style>{files('medxpert.app.diagnosing').joinpath('diagnose.css').read_text(encoding='utf-8')}</style>"
_HEIGHT_PX, _TALK_PX = 430, 400
_INVITATION = "Drop a chest radiograph above, then ask about it: PNG, JPEG or DICOM. It stays on this machine."
_HINT = (
    "Ask whether something is there, where, how severe, or how many findings there are. A follow-up such as "
    "*which side?* is completed from the question before, and you see how it was read."
)
_REMOTE = "Answers may be written by {}; the privacy gate decides what may reach it."
_OFFERED = "Questions that fit"
_PICKED, _TYPED = "ask.picked", "ask.typed"


def page() -> None:
    """Draw the screen."""
    st.html(_CHOICE + STYLE)
    now = opened()
    if access.shut(now.run.policy):
        return
    chosen = choosing.choose(now.run, _INVITATION)
    if chosen is None:
        return
    about = About(chosen.kept.sha256, chosen.policy, str(now.run.path))
    talk = talk_about(st.session_state, about, chosen.title)
    with st.container(key="ask.body"):
        left, right = st.columns(2, gap="medium")
    with left, st.container(key="ask.stage"):
        choosing.heading(chosen)
        viewer([Film(chosen.kept.path, chosen.title)], "ask.viewer", _HEIGHT_PX)
    with right:
        _converse(now, chosen, talk)


def _converse(now: Opened, chosen: Chosen, talk: Talk) -> None:
    who = writer.must_agree(now)
    if who:
        st.text(_REMOTE.format(who))
    elif talk.suggested is None:
        with st.spinner("Looking at the image"):
            looked = now.assistant.under(chosen.policy).ask_image(chosen.kept.path, _shown(now))
        talk.suggested = suggested(looked.report)
    with st.container(key="ask.turns", height=_TALK_PX):
        _show(now, chosen, talk, st.session_state.setdefault(PENDING, []))
    _offer(talk, chosen)


def _show(now: Opened, chosen: Chosen, talk: Talk, pending: list[str]) -> None:
    """Draw the conversation, and ask what is to be asked next."""
    if not (talk.turns or pending):
        st.caption(_HINT)
    for number, turn in enumerate(talk.turns, talk.gone):
        show_turn(turn, now.assistant.gallery.cases, f"ask.turn.{number}")
    while pending:
        _show_next(now, chosen, talk, pending[0])
        # only now: whoever asks again before the answer is there interrupts this, and nothing is lost
        del pending[0]


def _show_next(now: Opened, chosen: Chosen, talk: Talk, typed: str) -> None:
    read_as, drawn = talk.read(typed), st.empty()
    with drawn.container():
        show_question(typed, read_as)
        try:
            with st.spinner("Looking at the image"):
                turn = _asked(now, chosen, typed, read_as)
        except MedXpertError as error:
            show_fault(str(error))
            return
    talk.add(turn)
    with drawn.container():
        show_turn(turn, now.assistant.gallery.cases, f"ask.turn.{talk.gone + len(talk.turns) - 1}")


def _shown(now: Opened) -> Shown:
    return Shown(min(settings().top_k, len(now.assistant.gallery)))


def _asked(now: Opened, chosen: Chosen, typed: str, read_as: str) -> Turn:
    """Have a question answered.

    Raises:
        ConfigError: the question is empty, too long or not English.
        ImageError: the image cannot be read.
    """
    start = perf_counter()
    answer = now.assistant.under(chosen.policy).ask_question(chosen.kept.path, read_as, _shown(now))
    if answer.reply is None:
        raise DataError("expected a reply to the question, found none; ask again")
    about = understand(read_as).observations or named_by(answer.report)
    scores = scores_of(answer, about if answer.reply.answerable else ())
    cited = cited_by(answer)
    return Turn(typed, read_as, answer.reply, cited, scores, dict(answer.report.provenance), perf_counter() - start)


def _offer(talk: Talk, chosen: Chosen) -> None:
    """Offer questions that fit, the keyboard, the microphone, and what was said as files."""
    rest = [one for one in talk.suggested or () if one not in {turn.read_as for turn in talk.turns}]
    if rest:
        st.pills(_OFFERED, rest, key=_PICKED, on_change=_take, args=(_PICKED,), label_visibility="collapsed", wrap=True)
    st.chat_input("Ask about this image", key=_TYPED, max_chars=MOST_LETTERS, on_submit=_take, args=(_TYPED,))
    with st.container(key="ask.tools", horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover("Speak", icon=":material/mic:"):
            speaking.listen(chosen.policy)
        if talk.turns:
            st.download_button("JSON", talk.as_json(), "conversation.json", "application/json", key="ask.json")
            st.download_button("Markdown", talk.as_markdown(), "conversation.md", "text/markdown", key="ask.markdown")
            st.button("Begin anew", key="ask.anew", icon=":material/restart_alt:", on_click=talk.turns.clear)


def _take(key: str) -> None:
    said = st.session_state[key]
    if said:
        st.session_state.setdefault(PENDING, []).append(said)
    if key == _PICKED:
        st.session_state[key] = None
