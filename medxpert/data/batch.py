"""What one training step sees, and what it makes of it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """B studies; identical texts stand once.

    Attributes:
        pixels: uint8 [B, S, S] grey.
        tokens: int64 [U, L] the unique texts, padded to the longest.
        text_of: int64 [B] which of the U texts belongs to each study.
        rows: int64 [B] the studies' rows in their store.
    """

    pixels: Tensor
    tokens: Tensor
    text_of: Tensor
    rows: Tensor


class Embedded(NamedTuple):
    """Unit rows [B, D] of one batch, with the studies' rows [B] in their store."""

    image: Tensor
    text: Tensor
    rows: Tensor
