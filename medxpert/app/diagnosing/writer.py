"""Who writes the report where that is not the offline reporter: what it is, where the case goes, what the gate said."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from medxpert.app.opening import Opened
from medxpert.documents.wording import line, plain
from medxpert.reporting import Report

_OFFLINE = "template"
_ROWS = {"gate": "Privacy gate", "endpoint": "Place", "endpoint_kind": "Kind of place", "pixels_sent": "With picture"}


def must_agree(opened: Opened) -> str:
    """Return who would write where another than the offline reporter does, which a user starts; "" else."""
    told = opened.assistant.made_with()
    if told["reporter"] == _OFFLINE:
        return ""
    return line(f"{told['reporter']} ({told['model_id']})" if told["model_id"] else told["reporter"])


def show_writer(report: Report, preview: str = "") -> None:
    """Say who wrote and where the case went; nothing where the offline reporter was asked for.

    Args:
        report: written.
        preview: what a dry run would have sent.
    """
    told = report.provenance
    if report.abstained or told.get("reporter_asked", _OFFLINE) == _OFFLINE:
        return
    rows = "".join(_row(name, told[key]) for key, name in _ROWS.items() if key in told)
    st.html(f'<div class="mx-writer">{_row("Asked for", told["reporter_asked"])}{_written(told)}{rows}</div>')
    if preview:
        with st.expander("What would have been sent", icon=":material/outbox:"):
            st.code(preview, language=None, wrap_lines=True)


def _written(told: Mapping[str, Any]) -> str:
    model = f" ({told['model_id']})" if told.get("model_id") else ""
    return _row("Written by", f"{told['reporter']}{model}")


def _row(name: str, value: Any) -> str:
    return f"<p><span>{escape(name)}</span> {escape(plain(value))}</p>"
