"""A reader's side: instructions, one report at a time beside the image, its rating, pauses, the way back."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

import streamlit as st

from medxpert.app import access
from medxpert.app.opening import settings
from medxpert.app.studying.showing import level_html, levels_html, report_html, seen, studies, title
from medxpert.app.viewer.viewer import Film, viewer
from medxpert.rating.clock import Clock
from medxpert.rating.reading import Reading
from medxpert.rating.record import Given, Item
from medxpert.rating.scales import scales

_WHO = "reader_study.who"
_TIME = "reader_study.time"
_CORRECTING = "reader_study.correcting"
_INSTRUCTIONS = """
You will see one radiograph at a time and several reports on it, one after the other. Rate each report by the image
alone, and each on its own, as if you had seen no other. Who or what wrote a report is not told; please do not guess.

- **Keys**: Tab moves from question to question and on to Submit, the arrows choose a level, Enter submits.
- **Time** is taken while a report is shown. Use Pause when you are interrupted.
- You may stop at any moment: every submitted rating is kept, and the same name takes you to the next report.
- A few reports come twice, at the end. Rate them as you see them then.
"""
_ELSEWHERE = "The report that was here was rated in another tab; that rating counts."
_HEIGHT_PX = 540


class _Time(NamedTuple):
    """When the report on screen was shown."""

    item: int
    clock: Clock
    shown_at: str


def read() -> None:
    """Draw the reader's side."""
    who = st.session_state.get(_WHO)
    if who is None or not seen([studies().study(who[0])]):
        _enter()
        return
    reading = Reading(studies(), *who)
    item = _item(reading)
    if item is None:
        _done(reading)
    elif _paused():
        _pause()
    else:
        _rate(reading, item)


def _enter() -> None:
    found = [one for one in seen(studies().studies()) if one.state == "open"]
    if not found:
        st.info("No study is open to readers. A coordinator makes one: see Coordinate.", icon=":material/info:")
        return
    with st.container(border=True, width=560):
        study = st.selectbox("Study", found, format_func=title, key="reader_study.study")
        code = st.text_input(
            "Your name or code",
            value=access.user().name,
            max_chars=80,
            key="reader_study.code",
            help=_CODE,
            disabled=settings().user_header is not None,
        )
        if st.button("Begin, or go on", type="primary", key="reader_study.begin"):
            reading = Reading(studies(), study.key, code)
            st.session_state[_WHO] = (study.key, reading.code)
            st.rerun()
    st.markdown(_INSTRUCTIONS)
    st.html(levels_html())


_CODE = "The same name goes on where it stopped, from any browser. It is written beside your ratings."


def _item(reading: Reading) -> Item | None:
    """Return the report to rate, or the last one where it is to be corrected."""
    return reading.last() if st.session_state.get(_CORRECTING) else reading.next()


def _paused() -> bool:
    held: _Time | None = st.session_state.get(_TIME)
    return held is not None and held.clock.since is not None


def _pause() -> None:
    held: _Time = st.session_state[_TIME]
    st.info("Paused: the time does not run.", icon=":material/pause:")
    if st.button("Go on", type="primary", key="reader_study.resume", shortcut="Mod+Enter"):
        st.session_state[_TIME] = held._replace(clock=held.clock.resume(monotonic()))
        st.rerun()


def _done(reading: Reading) -> None:
    last = reading.last()
    st.success(f"All {last.total if last else 0} reports are rated. Thank you.", icon=":material/check:")
    with st.container(horizontal=True):
        _buttons(last is not None)


def _buttons(is_begun: bool) -> None:
    if is_begun and st.button("Correct the last one", key="reader_study.correct", icon=":material/undo:"):
        st.session_state[_CORRECTING] = True
        st.rerun()
    if st.button("Leave", key="reader_study.leave", icon=":material/logout:"):
        for key in (_WHO, _TIME, _CORRECTING):
            st.session_state.pop(key, None)
        st.rerun()


def _rate(reading: Reading, item: Item) -> None:
    is_correction = bool(st.session_state.get(_CORRECTING))
    held = None if is_correction else _timed(reading, item)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(item.done / item.total, f"{item.done} of {item.total} rated, {reading.code}".replace("$", ""))
        if held is not None and st.button("Pause", key="reader_study.pause", icon=":material/pause:"):
            st.session_state[_TIME] = held._replace(clock=held.clock.pause(monotonic()))
            st.rerun()
        if not is_correction:
            _buttons(item.done > 0)
    with st.container(key="reader_study-body"):
        left, right = st.columns([1, 1.1], gap="medium")
    with left:
        viewer([Film(item.picture, f"Case {item.case}")], "reader_study.film", _HEIGHT_PX)
    with right:
        if is_correction:
            st.info("You correct the report that you rated last.", icon=":material/undo:")
        st.html(report_html(item.text))
        _form(reading, item, held)


def _timed(reading: Reading, item: Item) -> _Time:
    """Return the running clock of a report; note that it is shown where it is new on this screen."""
    held: _Time | None = st.session_state.get(_TIME)
    if held is not None and held.item != item.item:
        st.toast(_ELSEWHERE)
    if held is None or held.item != item.item:
        reading.shown(item.item)
        held = _Time(item.item, Clock.begun(monotonic()), datetime.now(UTC).isoformat(timespec="milliseconds"))
    else:
        held = held._replace(clock=held.clock.touch(monotonic()))
    st.session_state[_TIME] = held
    return held


def _form(reading: Reading, item: Item, held: _Time | None) -> None:
    told: dict[str, int | None] = {}
    with st.container(key="reader_study-rating", gap=None):
        for scale in scales():
            labels = {level.value: f"{level.value} {level.label}" for level in scale.levels}
            before = item.told.get(scale.name)
            told[scale.name] = st.radio(
                f"{scale.title}: {scale.question}",
                scale.values,
                index=None if before is None else scale.values.index(before),
                format_func=labels.__getitem__,
                horizontal=True,
                key=f"reader_study.{item.item}.{item.views if held is None else 0}.{scale.name}",
            )
            st.html(level_html(scale, told[scale.name]))
        comment = st.text_input(
            "Comment (optional)", value=item.comment, max_chars=2000, key=f"reader_study.{item.item}.comment"
        )
    given = {name: value for name, value in told.items() if value is not None}
    whole = len(given) == len(told)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Submit and go on", type="primary", disabled=not whole, key="reader_study.submit", shortcut="Mod+Enter"
        ):
            _submit(reading, item, held, given, comment)
        if held is None and st.button("Keep it as it was", key="reader_study.keep"):
            _go_on()
        if not whole:
            st.caption("Answer all four questions.")
    with st.expander("What the levels mean"):
        st.html(levels_html())


def _submit(reading: Reading, item: Item, held: _Time | None, told: dict[str, int], comment: str) -> None:
    if held is None:
        reading.correct(item.item, Given(told, comment, datetime.now(UTC).isoformat(timespec="milliseconds"), 0.0))
    else:
        now = monotonic()
        clock = held.clock.touch(now)
        given = Given(told, comment, held.shown_at, clock.active(now), clock.paused, clock.longest)
        if not reading.rate(item.item, given):
            st.toast(_ELSEWHERE)
    _go_on()


def _go_on() -> None:
    for key in (_TIME, _CORRECTING):
        st.session_state.pop(key, None)
    st.rerun()
