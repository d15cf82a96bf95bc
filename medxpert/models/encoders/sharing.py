"""Which tokens of a batch of texts are the same: a causal tower computes a common beginning once.

What a causal tower makes of a token follows from the tokens up to it. Reports begin alike, so a batch in the order of
their tokens has about a quarter fewer different beginnings than tokens, and no padding among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Shared(NamedTuple):
    """A batch of texts as a tree of tokens with U nodes."""

    tokens: NDArray[np.int64]
    """[U], the token of each node."""
    positions: NDArray[np.int64]
    """[U], its position in the text."""
    nodes: NDArray[np.int64]
    """[B, L], the node of each token; padding stands at node 0."""
    firsts: NDArray[np.int64]
    """[U], where each node stands first in `nodes`, counted through its rows."""
    ends: NDArray[np.int64]
    """[B], position of the end-of-text mark."""


def share(tokens: NDArray[np.int64]) -> Shared:
    """Find the common beginnings of neighbouring rows.

    Args:
        tokens: [B, L], as a tokenizer makes them, zero-padded; the end-of-text mark has the highest number. Any order
            is right, that of `order` shares most.
    """
    ends = tokens.argmax(axis=1)
    inside = np.arange(tokens.shape[1]) <= ends[:, None]
    same = np.zeros(tokens.shape, bool)
    # a row that goes on where the one before it has ended differs from it there: ends are compared as tokens too
    same[1:] = np.logical_and.accumulate(tokens[1:] == tokens[:-1], axis=1)
    new = inside & ~same
    nodes = np.zeros(tokens.shape, np.int64)
    nodes[new] = np.arange(new.sum())
    for row in range(1, len(tokens)):
        nodes[row, same[row]] = nodes[row - 1, same[row]]
    nodes[~inside] = 0
    return Shared(tokens[new], np.nonzero(new)[1], nodes, np.flatnonzero(new), ends)


def order(rows: Sequence[NDArray[np.int64]]) -> list[int]:
    """Return the order of texts, rows of tokens, in which neighbours have most in common."""
    return sorted(range(len(rows)), key=lambda row: rows[row].tolist())
