"""Where a score comes from, laid over the picture: of which finding, and how far the map is to be trusted."""

from __future__ import annotations

from typing import Any

import streamlit as st

from medxpert.app.diagnosing.held import Held, Placed
from medxpert.app.opening import Opened
from medxpert.app.uploads import Kept
from medxpert.app.viewer.viewer import Film
from medxpert.images.files import ImageFile, load, load_whole
from medxpert.locating.locator import Locator, open_locator, over
from medxpert.ontology import NO_FINDING
from medxpert.reporting import Report
from medxpert.run import open_run

_STATUSES = ("present", "uncertain")


def places(report: Report) -> list[str]:
    """Return the observations that have a place: what is present, the surest first, then what is uncertain."""
    told = report.provenance.get("probabilities", {})
    found = {one.observation: _STATUSES.index(one.status) for one in report.findings if one.status in _STATUSES}
    named = sorted(found, key=lambda name: (found[name], -told.get(name, 0.0)))
    return [name for name in named if name != NO_FINDING]


def place(opened: Opened, kept: Kept, held: Held, observation: str) -> Placed:
    """Find where the score of an observation comes from; once for each image.

    Raises:
        ImageError: the image cannot be read.
    """
    if observation not in held.placed:
        side = opened.assistant.encoder.image_side
        if held.shape is None:
            held.shape = load_whole(ImageFile(kept.path), side).shape
        pixels = load(ImageFile(kept.path), side)
        located = _locator(str(opened.run.path), opened.assistant).of_observation(pixels, observation)
        height, width = held.shape
        heat = over(located.heat, height, width)
        held.placed[observation] = Placed(heat, _within(located.peak, height, width), located)
    return held.placed[observation]


@st.cache_resource(show_spinner=False, max_entries=3)
def _locator(run: str, _assistant: Any) -> Locator:
    return open_locator(open_run(run), _assistant.encoder, _assistant.evidence.calibration)


def _within(peak: tuple[float, float], height: int, width: int) -> tuple[float, float]:
    """Turn a place in the square that the model sees into one of the picture in its midst, each in 0..1."""
    side = max(height, width)
    y, x = ((at - 0.5) * side / extent + 0.5 for at, extent in zip(peak, (height, width), strict=True))
    return min(max(y, 0.0), 1.0), min(max(x, 0.0), 1.0)


def choose_place(held: Held, key: str) -> str | None:
    """Let the user choose the finding whose score is shown; the surest at first, None where none has a place."""
    named = places(held.answer.report)
    if not named:
        return None
    return st.pills("Where the score comes from", named, default=named[0], key=key)


def film(kept: Kept, title: str, observation: str | None = None, placed: Placed | None = None) -> Film:
    """Return what the viewer draws."""
    if placed is None or observation is None:
        return Film(kept.path, title)
    return Film(kept.path, title, placed.heat, observation, placed.peak)


def explain(observation: str, placed: Placed) -> None:
    """Say under the picture how the map was made, and why it is to be doubted."""
    located = placed.located
    st.caption(
        f"{observation}: {located.method}. The warmest tenth of the picture carries {located.share:.0%} of it. "
        "The map says what moved the score, not where a lesion ends."
    )
    if located.note:
        st.caption(f":orange[:material/warning: {located.note}]")
