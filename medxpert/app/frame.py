"""What surrounds every screen: the notice, the run, the user, and errors in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files

import streamlit as st

from medxpert.app import access
from medxpert.app.markup import literal
from medxpert.app.opening import opened, run_names, settings
from medxpert.errors import MedXpertError
from medxpert.report import NOTICE

_STYLE = f"<style>{files('medxpert.app').joinpath('style.css').read_text(encoding='utf-8')}</style>"
_BANNER = '<div class="mx-banner" role="note"><strong>Research use only, not for diagnosis.</strong> {}</div>'
_STAMP = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)_(?P<hour>\d\d)-(?P<minute>\d\d)-[\d-]+-(?P<what>\D.*)")
_ABOUT = "Drafts by a program; a radiologist decides."


def framed(screen: Callable[[], None]) -> None:
    """Draw a screen within its frame; an error of ours becomes one line on it, with what to do."""
    st.html(_STYLE)
    st.html(_BANNER.format(_ABOUT))
    try:
        settings()
        access.enter()
        _sidebar()
        screen()
    except MedXpertError as error:
        for line in str(error).splitlines():
            st.error(literal(line), icon=":material/error:")


def _sidebar() -> None:
    with st.sidebar:
        place = st.container()
        access.sidebar()  # first: who cannot open the run may still name themselves
    with place:
        names = run_names()
        now = opened().run
        if now.path.name not in names:
            names = [now.path.name, *names]
        st.selectbox(
            "Run",
            names,
            index=names.index(now.path.name),
            format_func=_shown,
            key="_run",
            on_change=_choose,
            help="What all screens use",
        )
        st.caption(f"{len(opened().assistant.gallery):,} cases · policy {now.policy}", help=NOTICE)


def _shown(name: str) -> str:
    """Put what tells runs apart before the time at which they began."""
    found = _STAMP.fullmatch(name)
    return f"{found['what']} · {found['day']} {found['hour']}:{found['minute']}" if found else name


def _choose() -> None:
    st.session_state["run"] = st.session_state["_run"]
