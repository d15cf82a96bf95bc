"""What a graph of the text tower takes beside the tokens' vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.models.layers import Weights

_HIDDEN = np.float32(np.finfo(np.float32).min / 2)
"""Finite, because some runtimes make nothing of the difference of two infinities."""


def text_inputs(tokens: NDArray[np.int64], weights: Weights) -> dict[str, NDArray]:
    """Return the inputs of `graph.text_graph` for tokens [B, L], by their names."""
    batch, length = tokens.shape
    ends = tokens.argmax(axis=1)
    places = np.arange(length)
    vectors = weights["text.embedding.tokens.weight"][tokens] + weights["text.embedding.positions"][:length]
    return {
        "x": vectors,
        "ends": ends + length * np.arange(batch),
        "hidden": np.where(places > places[:, None], _HIDDEN, np.float32(0)),
        "seen": np.where(places > ends[:, None], _HIDDEN, np.float32(0))[:, None, None],
    }
