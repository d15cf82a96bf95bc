"""Draws the turns of a conversation: the question as it was read, the answer, how sure it is, what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

import streamlit as st

from medxpert.app.asking.talk import Score, Turn
from medxpert.app.cards import show_cases
from medxpert.cases import Cases
from medxpert.documents import wording
from medxpert.exchange import Reply
from medxpert.marking import by_query

STYLE = f"<style>{files('medxpert.app.asking').joinpath('ask.css').read_text(encoding='utf-8')}</style>"
_YOU, _PROGRAM = ":material/person:", ":material/radiology:"
_SURE = ((0.9, "very sure"), (0.7, "fairly sure"), (0.5, "more likely than not"), (0.0, "unsure"))
_MOST_SHOWN = 0.99
_OFFLINE = "template"


def show_turn(turn: Turn, cases: Cases, key: str) -> None:
    """Draw one question and its answer.

    Args:
        turn: of the conversation.
        cases: the gallery's.
        key: of the turn, unique on the page.
    """
    show_question(turn.typed, turn.read_as)
    with st.chat_message("assistant", avatar=_PROGRAM):
        st.html(_reply(turn.reply))
        if turn.cited or turn.scores:
            _show_evidence(turn, cases, key)


def show_question(typed: str, read_as: str) -> None:
    """Draw a question, and how it was read where that differs."""
    with st.chat_message("user", avatar=_YOU):
        st.text(typed)
        if typed != read_as:
            st.html(f'<p class="mx-read">Read as: <b>{escape(read_as)}</b></p>')


def show_fault(text: str) -> None:
    """Say why a question was not asked; the text may repeat it."""
    with st.chat_message("assistant", avatar=_PROGRAM):
        st.html(f'<p class="mx-reply none" role="alert">{escape(text)}</p>')


def sureness(confidence: float | None) -> str:
    """Return a calibrated confidence as a percentage with words; "" where none can be told."""
    if confidence is None:
        return ""
    words = next(words for least, words in _SURE if confidence >= least)
    percent = "over 99 %" if confidence > _MOST_SHOWN else f"{confidence:.0%}".replace("%", " %")
    return f"{percent}, {words}"


def _reply(reply: Reply) -> str:
    value = f"<strong>{escape(wording.line(reply.value))}</strong>" if reply.value else ""
    kind = "" if reply.answerable else " none"
    told = [f'<p class="mx-reply{kind}">{value}{escape(_sentence(reply))}</p>', _sure(reply.confidence)]
    told += [f'<p class="mx-told">Check: {escape(wording.problem(one))}</p>' for one in reply.problems]
    if reply.reporter != _OFFLINE:
        told.append(f'<p class="mx-told">Written by {escape(wording.line(reply.reporter))}</p>')
    if reply.fallback_reason:
        reason = escape(wording.line(reply.fallback_reason))
        told.append(f'<p class="mx-told">Answered offline instead of by the reporter asked for: {reason}</p>')
    return "".join(told)


def _sentence(reply: Reply) -> str:
    """Return the answer without a first word that stands before it anyway."""
    lead = f"{reply.value.capitalize()}. "
    return wording.line(reply.answer).removeprefix(lead if reply.value else "")


def _sure(confidence: float | None) -> str:
    if confidence is None:
        return ""
    return (
        f'<p class="mx-sure" title="probability that the answer is right, calibrated on validation">'
        f'<i aria-hidden="true" style="--sure:{round(100 * confidence)}%"></i>Confidence {sureness(confidence)}</p>'
    )


def _show_evidence(turn: Turn, cases: Cases, key: str) -> None:
    with st.expander(_counted(turn), icon=":material/fact_check:"):
        if turn.scores:
            st.html(_scores(turn.scores))
        if turn.cited:
            show_cases(turn.cited, cases, by_query(turn.read_as), f"{key}.cases", columns=2)


def _counted(turn: Turn) -> str:
    counts = [(len(turn.cited), "similar case"), (len(turn.scores), "score")]
    return "Evidence: " + ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n)


def _scores(scores: Sequence[Score]) -> str:
    """Lay scores out as a table: a row for each observation, a column for each source."""
    sources = list(dict.fromkeys(one.source for one in scores))
    known = {(one.observation, one.source): f"{one.probability:.0%}".replace("%", " %") for one in scores}
    head = "".join(f'<th scope="col">{escape(wording.line(source))}</th>' for source in sources)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{known.get((name, source), '')}</td>" for source in sources)
        + "</tr>"
        for name in dict.fromkeys(one.observation for one in scores)
    )
    return (
        '<div class="mx-table"><table><caption>Each source\'s own calibrated probability that it is there</caption>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
