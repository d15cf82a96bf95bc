"""Downloads of a report as it stands after its review, made when somebody asks for one."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from medxpert import reviewing
from medxpert.app import access
from medxpert.app.markup import literal
from medxpert.app.opening import settings
from medxpert.documents.document import as_json
from medxpert.errors import MedXpertError
from medxpert.exchange import Exported, Exporter
from medxpert.folders import explained
from medxpert.reviewing import Review, reviewed

_FOLDER = "downloads"
_WORDS = {"pdf": "PDF", "json": "JSON", "fhir": "FHIR", "sr": "DICOM SR", "html": "HTML", "markdown": "Markdown"}
_TYPES = {".pdf": "application/pdf", ".json": "application/json", ".dcm": "application/dicom", ".html": "text/html"}


class Made(NamedTuple):
    """Files of one format, or why there are none."""

    state: str
    """Of report and review when they were made."""
    files: tuple[tuple[str, bytes], ...]
    fault: str


class Signed(NamedTuple):
    """A review as somebody saved it."""

    review: Review
    who: str
    when: datetime


def downloads(
    exported: Exported, review: Review, exporters: Mapping[str, Exporter], key: str, signed: Signed | None = None
) -> None:
    """Draw a button for each format; the files of the one that was chosen are made and offered.

    Args:
        exported: the report with what it cites.
        review: of it.
        exporters: format -> what writes it.
        key: begins the keys of the widgets.
        signed: the saved version that is open; as long as nothing is changed it stays theirs who saved it.
    """
    if not exporters:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Download", width="content")
        for name, exporter in exporters.items():
            label = _WORDS.get(name, name)
            if st.button(label, key=f"{key}.make.{name}", icon=":material/description:", help=f"Make it as {label}"):
                with st.spinner(f"writing {label}"):
                    st.session_state[f"{key}.made"] = _made(exported, review, exporter, signed)
    made: Made | None = st.session_state.get(f"{key}.made")
    if made is None or made.state != _state(exported, review):
        return
    if made.fault:
        st.warning(literal(made.fault), icon=":material/info:")
    with st.container(horizontal=True, gap="small"):
        for name, content in made.files:
            label = f"Save {name} ({max(1, len(content) // 1024):,} kB)"
            kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
            st.download_button(
                label,
                content,
                name,
                kind,
                key=f"{key}.save.{name}",
                type="primary",
                icon=":material/download:",
                on_click="ignore",
            )


def final(exported: Exported, review: Review, who: str, when: datetime) -> Exported:
    """Return what is written after the review; an untouched report stays as it was drafted.

    Raises:
        DataError: the review is of another report.
    """
    if review == Review(review.decisions) and all(one.choice == "open" for one in review.decisions):
        return exported
    return replace(exported, report=reviewed(exported.report, review, who, when))


def _made(exported: Exported, review: Review, exporter: Exporter, signed: Signed | None) -> Made:
    state, folder = _state(exported, review), settings().folder / _FOLDER
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            same = signed is not None and signed.review == review
            who, when = (signed.who, signed.when) if signed and same else (access.user().name, datetime.now(UTC))
            paths = exporter(final(exported, review, who, when), Path(name))
            return Made(state, tuple((path.name, path.read_bytes()) for path in paths), "")
    except MedXpertError as error:
        # what follows tells what to leave out of a command
        told = str(error).partition("; leave ")[0]
        return Made(state, (), told.replace(str(exported.source), "This image"))


def _state(exported: Exported, review: Review) -> str:
    told = [as_json(exported.report), reviewing.as_json(review), str(exported.source)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
