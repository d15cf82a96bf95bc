"""What a dry run would have sent, kept for the session that asked."""

from __future__ import annotations

import streamlit as st

_PREVIEW = "diagnose.preview"


def keep_preview(text: str) -> None:
    """Take down for this session what a dry run would have sent."""
    st.session_state[_PREVIEW] = text


def drop_preview() -> str:
    """Return what was taken down last, and forget it; "" where nothing was."""
    return str(st.session_state.pop(_PREVIEW, ""))
