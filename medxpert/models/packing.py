"""Texts of several lengths without the padding between them: every linear layer then costs what the words cost."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Packing(NamedTuple):
    """Where the T tokens that count stand among B * L places.

    Attributes:
        rows: int64 [T], ascending numbers of places.
        ends: int64 [B], the last token of each text among the T.
        shape: B and L.
    """

    rows: Tensor
    ends: Tensor
    shape: tuple[int, int]

    def pack(self, x: Tensor) -> Tensor:
        """Keep the tokens that count: [B, L, W] to [T, W]."""
        return x.flatten(0, 1).index_select(0, self.rows)

    def spread(self, x: Tensor) -> Tensor:
        """Put the tokens [T, W] back to their places [B, L, W], zeros between them."""
        batch, length = self.shape
        return x.new_zeros(batch * length, x.shape[-1]).index_copy(0, self.rows, x).unflatten(0, self.shape)


def packing(places: Tensor, length: int) -> Packing | None:
    """Return how to pack texts that end at places, int64 [B], of L tokens; None where there is no padding.

    A compiled graph, which wants fixed shapes, gets none either.
    """
    if torch.compiler.is_compiling():
        return None
    rows = (torch.arange(length, device=places.device) <= places[:, None]).flatten().nonzero().squeeze(1)
    shape = (len(places), length)
    return None if len(rows) == shape[0] * length else Packing(rows, (places + 1).cumsum(0) - 1, shape)
