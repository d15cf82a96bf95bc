"""The radiograph viewer: window, zoom, pan and overlays happen in the browser, Python only hands over pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from medxpert.app.viewer.picture import Picture, display_content, heat_png
from medxpert.images.errors import named
from medxpert.images.source import content

_SCRIPTS = ("film.js", "stage.js", "paint.js", "controls.js", "viewer.js")
"""Together one module: Streamlit imports one text."""
_CACHED = 24


def _asset(name: str) -> str:
    return files("medxpert.app.viewer").joinpath(name).read_text(encoding="utf-8")


_COMPONENT = st.components.v2.component(
    "medxpert_viewer", html=_asset("viewer.html"), css=_asset("viewer.css"), js="\n".join(map(_asset, _SCRIPTS))
)


class Film(NamedTuple):
    """One radiograph of a viewer.

    Attributes:
        path: of the file.
        label: shown in its corner, as text whatever it holds.
        heat: [h, w] of 0 to 1, laid over the whole picture.
        heat_label: what the heat map shows.
        marker: the heat map's peak, (y, x) in 0..1 of the picture.
    """

    path: Path
    label: str = ""
    heat: NDArray[np.float32] | None = None
    heat_label: str = ""
    marker: tuple[float, float] | None = None


def viewer(films: Sequence[Film], key: str, height_px: int = 560) -> None:
    """Draw films side by side, zoom, position and window linked until their user unlinks them.

    What a user has set stays as long as the same films are drawn under the same key, over reruns and other screens.

    Args:
        films: from left to right.
        key: of this viewer, unique on its screen.
        height_px: of the pictures.

    Raises:
        ImageError: a picture cannot be used.
        DataError: a heat map is none.
    """
    _COMPONENT(key=key, data=payload(films, key, height_px))


def payload(films: Sequence[Film], key: str, height_px: int) -> bytes:
    """Return what the browser is told: 4 bytes with the length of a JSON text, that text, then all PNGs.

    The same films give the same bytes, which Streamlit sends once.

    Raises:
        ImageError: a picture cannot be used.
        DataError: a heat map is none.
    """
    blobs: list[bytes] = []
    described = [_described(film, blobs) for film in films]
    told = json.dumps({"key": key, "height": height_px, "films": described}).encode()
    return b"".join([len(told).to_bytes(4, "big"), told, *blobs])


def _described(film: Film, blobs: list[bytes]) -> dict[str, Any]:
    data = content(film.path)
    picture = _picture(hashlib.sha256(data).hexdigest(), film.path.suffix, film.path.name, data)
    told = picture._asdict()
    told["png"] = _placed(picture.png, blobs)
    told |= {"label": film.label, "heat": None, "heat_label": film.heat_label, "marker": film.marker}
    if film.heat is not None:
        told["heat"] = _placed(heat_png(film.heat), blobs)
    return told


def _placed(blob: bytes, blobs: list[bytes]) -> dict[str, Any]:
    """Append a PNG and tell where it begins, how long it is, and what it is known by."""
    start = sum(map(len, blobs))
    blobs.append(blob)
    return {"start": start, "length": len(blob), "id": hashlib.sha256(blob).hexdigest()[:16]}


@st.cache_data(max_entries=_CACHED, show_spinner=False)
def _picture(sha256: str, suffix: str, _name: str, _data: bytes) -> Picture:
    """Decode a file once, whoever shows it; its content is its key."""
    with named(_name):
        return display_content(_data, suffix)
