"""What is searched for: a typed or spoken text, an image, or both; a typed one stands in the address."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import streamlit as st

from medxpert.app.diagnosing.samples import thumbnail
from medxpert.app.opening import settings
from medxpert.app.policies import policy_of
from medxpert.app.searching import speaking
from medxpert.app.uploads import Kept, keep_image
from medxpert.errors import MedXpertError
from medxpert.privacy import strictest
from medxpert.words import Policy

CURRENT = "image"
"""Key of the session: the `Kept` image that all screens begin with."""
MOST_CHARS = 500
EXAMPLES = (
    "moderate left pleural effusion",
    "enlarged heart",
    "right upper lobe consolidation",
    "pneumothorax",
    "no acute cardiopulmonary abnormality",
    "pacemaker and pulmonary edema",
)
QUERY, _ASKED, _TYPED, _LINKED = "search.query", "search.asked", "search.typed", "search.linked"
_WITH_IMAGE, _ROUND, _EXAMPLE = "search.with_image", "search.round", "search.example"
_ADDRESS = "q"


class Asked(NamedTuple):
    """What is searched for.

    Attributes:
        text: "" where there is none.
        image: None where there is none.
    """

    text: str
    image: Kept | None

    def __bool__(self) -> bool:
        return bool(self.text or self.image)


def ask(policy: Policy) -> Asked:
    """Draw the box, the microphone and the image; return what is asked for.

    Args:
        policy: of the run; only open queries to an open one stand in the address, which histories and logs keep.
    """
    _follow_link(policy)
    heard = speaking.waiting()
    if heard is not None or QUERY not in st.session_state:
        st.session_state[QUERY] = heard or st.session_state.get(_ASKED, "")
    with st.container(key="search.ask", horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(key="search.box"):
            _box()
        speaking.listen()
        _choose_image()
    speaking.tell()
    asked = Asked(st.session_state.get(_ASKED, ""), _image())
    if not asked:
        st.pills("Examples", EXAMPLES, key=_EXAMPLE, on_change=_take_example, label_visibility="collapsed")
    _write_address(policy, asked.text)
    return asked


def _box() -> None:
    with st.form("search.form", border=False), st.container(key="search.line", horizontal=True, gap="small"):
        st.text_input(
            "Search for",
            key=QUERY,
            max_chars=MOST_CHARS,
            placeholder="Describe findings, such as: small right pneumothorax",
            label_visibility="collapsed",
            icon=":material/search:",
        )
        st.form_submit_button("Search", type="primary", key="search.go", on_click=_submit)


def _submit() -> None:
    text = str(st.session_state[QUERY]).strip()
    st.session_state[_ASKED] = text
    st.session_state[_TYPED] = not speaking.said(text)
    speaking.forget()


def _take_example() -> None:
    chosen = st.session_state[_EXAMPLE]
    if chosen:
        st.session_state.update({QUERY: chosen, _ASKED: chosen, _TYPED: True, _EXAMPLE: None})


def _follow_link(policy: Policy) -> None:
    """Ask for what the address says, once."""
    wanted = st.query_params.get(_ADDRESS, "")[:MOST_CHARS].strip()
    if policy != "open" or not wanted or wanted == st.session_state.get(_LINKED):
        return
    st.session_state.update({QUERY: wanted, _ASKED: wanted, _TYPED: True, _LINKED: wanted})


def _write_address(policy: Policy, text: str) -> None:
    """Let the search be bookmarked; what was spoken, or is asked of a run that is not open, stays out of it."""
    if text and policy == settings().policy == "open" and st.session_state.get(_TYPED):
        st.session_state[_LINKED] = text
        if st.query_params.get(_ADDRESS) != text:
            st.query_params[_ADDRESS] = text
    elif _ADDRESS in st.query_params:
        del st.query_params[_ADDRESS]


def _image() -> Kept | None:
    """Return the image that is searched with, shown with what takes it out again."""
    kept: Kept | None = st.session_state.get(CURRENT)
    if kept is None or not st.session_state.get(_WITH_IMAGE):
        return None
    with st.container(key="search.with", horizontal=True, vertical_alignment="center", gap="small"):
        source = _picture(kept.sha256, kept)
        picture = f'<img src="{source}" alt="The image that is searched with">' if source else ""
        st.html(f'<p class="mx-with">{picture}<span>Like <b>{escape(kept.name)}</b></span></p>')
        st.button("Without image", key="search.without", icon=":material/close:", on_click=_without)
    return kept


@st.cache_data(show_spinner=False, max_entries=32)
def _picture(content: str, _kept: Kept) -> str:
    """Return a small picture of an image, known by its content."""
    return thumbnail(_kept.path)


def _without() -> None:
    st.session_state[_WITH_IMAGE] = False


def _with() -> None:
    st.session_state[_WITH_IMAGE] = True
    # a new key closes what was opened, and empties the uploader
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _choose_image() -> None:
    """Let the user drop an image, or take the one that other screens are on; a refused file is told in one line."""
    number = st.session_state.get(_ROUND, 0)
    with st.popover("Image", icon=":material/add_photo_alternate:", key=f"search.picture.{number}"):
        kept: Kept | None = st.session_state.get(CURRENT)
        if kept is not None and not st.session_state.get(_WITH_IMAGE):
            st.button(
                "Use the current image", key="search.current", on_click=_with, help="The one of the other screens"
            )
            st.text(kept.name)
        dropped = st.file_uploader("A radiograph: PNG, JPEG or DICOM", key=f"search.upload.{number}")
        if dropped is None:
            return
        try:
            st.session_state[CURRENT] = keep_image(dropped.name, dropped.getvalue())
        except MedXpertError as error:
            speaking.line(str(error))
            return
    _with()
    st.rerun()


def query_policy(asked: Asked, run: Policy, samples: str) -> Policy:
    """Return the strictest policy of what a query is made of: typed words, and a sample of the run or an upload."""
    parts = [settings().policy] if asked.text or asked.image is None else []
    if asked.image is not None:
        parts.append(run if str(asked.image.path.parent) == samples else policy_of(asked.image))
    return strictest(parts)
