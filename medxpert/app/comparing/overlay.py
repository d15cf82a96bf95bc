"""The difference between two films, laid over the current one: brighter now, or darker now."""

from __future__ import annotations

import numpy as np
import streamlit as st

from medxpert.app.viewer.viewer import Film
from medxpert.comparison.difference import Difference
from medxpert.comparison.filtering import averaged

BRIGHTER, DARKER = "brighter now", "darker now"
_LEAST_PEAK = 0.15
_PEAK = 0.02
"""Of the longest side: what a peak is averaged over."""
_NOTE = (
    "The earlier film was laid over the current one: their local contrast agrees to {before:.2f} of 1 as they are and "
    "to {after:.2f} when laid over; turned by {angle:.0f}°, scaled by {scale:.0%}, moved by {shift:.0%} of the side; "
    "{overlap:.0%} of the current film is covered. Full colour is a quarter of the grey range. The map shows what "
    "differs between two pictures, breath, posture and exposure included: it is no finding."
)


def choose_map(difference: Difference) -> str | None:
    """Let the user choose what is laid over the current film; None for nothing."""
    if difference.map is None:
        return None
    return st.segmented_control("Difference map", (BRIGHTER, DARKER), default=BRIGHTER, key="compare.map")


def heated(film: Film, difference: Difference, which: str | None) -> Film:
    """Return a film with what is brighter or darker on it, and where that is most so."""
    heat = difference.brighter if which == BRIGHTER else difference.darker if which == DARKER else None
    if heat is None or which is None:
        return film
    # the middle of what is drawn in full
    row, column = np.unravel_index(int(averaged(heat, _PEAK * max(heat.shape)).argmax()), heat.shape)
    peak = ((row + 0.5) / heat.shape[0], (column + 0.5) / heat.shape[1]) if heat[row, column] >= _LEAST_PEAK else None
    return film._replace(heat=heat, heat_label=which.capitalize(), marker=peak)


def explain(difference: Difference) -> None:
    """Say how well the films could be laid over each other, and what the map is not."""
    if difference.map is None:
        st.warning(f"No difference map. {difference.reason}", icon=":material/layers_clear:")
        return
    found = difference.alignment
    st.caption(
        _NOTE.format(
            before=difference.before,
            after=difference.after,
            angle=abs(found.angle_degrees),
            scale=found.scale,
            shift=found.shift,
            overlap=difference.overlap,
        )
    )
