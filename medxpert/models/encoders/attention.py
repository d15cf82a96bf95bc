"""Attention on tokens that lie row by row, of images that are alike in shape and of texts that share beginnings."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medxpert.models.encoders.sharing import Shared

_TOGETHER = 16
"""Texts whose attention is computed at once, padded to the longest of them."""


class Layout(Protocol):
    """Says which of the U token rows belong together. Widths W are those of all heads."""

    ends: Tensor
    """int64 [B], the row of the token that stands for each image or text."""

    def attend(self, query: Tensor, key_value: Tensor, heads: int) -> Tensor:
        """Attend from all tokens [U, W] to keys and values [U, 2 W]; return [U, W]."""
        ...

    def attend_ends(self, query: Tensor, key_value: Tensor, heads: int) -> Tensor:
        """Attend from the tokens at `ends` [B, W] only; return [B, W]."""
        ...


class Grid:
    """B images of L tokens each, all seen by all, the first of which stands for the image."""

    def __init__(self, batch: int, length: int, device: torch.device) -> None:
        self._shape = batch, length
        self.ends = torch.arange(0, batch * length, length, device=device)

    def attend(self, query: Tensor, key_value: Tensor, heads: int) -> Tensor:
        """Attend as `Layout` says."""
        shaped = query.unflatten(0, self._shape), key_value.unflatten(0, self._shape)
        return _attention(*shaped, heads).flatten(0, 1)

    def attend_ends(self, query: Tensor, key_value: Tensor, heads: int) -> Tensor:
        """Attend as `Layout` says."""
        return _attention(query[:, None], key_value.unflatten(0, self._shape), heads)[:, 0]


class _Group(NamedTuple):
    """A few texts of about one length."""

    nodes: Tensor
    """[b, l], the row of each token."""
    new: Tensor
    """[u], rows that stand first in one of these texts."""
    places: Tensor
    """[u], where, counted through `nodes`."""


class Tree:
    """Texts that share beginnings; a token sees those before it in its text, the last one stands for the text."""

    def __init__(self, shared: Shared, device: torch.device) -> None:
        rows = np.arange(len(shared.nodes))
        self.ends = torch.from_numpy(shared.nodes[rows, shared.ends]).to(device)
        self._nodes = torch.from_numpy(shared.nodes).to(device)
        seen = np.arange(shared.nodes.shape[1]) <= shared.ends[:, None]
        self._seen = torch.from_numpy(seen).to(device)[:, None, None]
        self._groups = [
            _Group(*(torch.from_numpy(one).to(device) for one in _group(shared, part)))
            for part in np.array_split(np.argsort(shared.ends, kind="stable"), -(-len(rows) // _TOGETHER))
        ]

    def attend(self, query: Tensor, key_value: Tensor, heads: int) -> Tensor:
        """Attend as `Layout` says."""
        out = torch.empty_like(query)
        for group in self._groups:
            attended = _attention(query[group.nodes], key_value[group.nodes], heads, causal=True)
            out[group.new] = attended.flatten(0, 1)[group.places]
        return out

    def attend_ends(self, query: Tensor, key_value: Tensor, heads: int) -> Tensor:
        """Attend as `Layout` says."""
        return _attention(query[:, None], key_value[self._nodes], heads, self._seen)[:, 0]


def _group(shared: Shared, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut some rows out of a batch; the parts of a `_Group`."""
    width = int(shared.ends[rows].max()) + 1
    nodes = np.ascontiguousarray(shared.nodes[rows, :width])
    texts, positions = np.divmod(shared.firsts, shared.nodes.shape[1])
    place = np.full(len(shared.nodes), -1)
    place[rows] = np.arange(len(rows))
    new = np.flatnonzero(place[texts] >= 0)
    return nodes, new, place[texts[new]] * width + positions[new]


def _attention(
    query: Tensor, key_value: Tensor, heads: int, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """Attend from [B, Q, W] to [B, L, 2 W], each the heads side by side; return [B, Q, W]."""
    q = query.unflatten(2, (heads, -1)).transpose(1, 2)
    k, v = key_value.unflatten(2, (2, heads, -1)).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal).transpose(1, 2).flatten(2)
