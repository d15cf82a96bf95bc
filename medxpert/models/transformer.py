"""The transformer tower that CLIP's images and texts share (Radford et al., ICML 2021).

Written on `F.linear` and `F.scaled_dot_product_attention`: `nn.MultiheadAttention` copies its input projection for
every sample under bf16 without gradients, which makes frozen and evaluated blocks several times slower.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medxpert.models.activation import quick_gelu
from medxpert.models.architecture import Activation, Transformer
from medxpert.models.freezing import FreezableTower
from medxpert.models.normalisation import BatchNorm
from medxpert.models.packing import Packing, packing


class Block(nn.Module):
    """Pre-norm attention and MLP with residual connections, initialised as CLIP's in a stack of `depth` blocks."""

    def __init__(self, width: int, heads: int, activation: Activation, depth: int) -> None:
        super().__init__()
        self.heads = heads
        self.activation = activation
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self._init(width, depth)

    def forward(self, x: Tensor, causal: bool, packed: Packing | None = None) -> Tensor:
        """Map tokens [B, L, W], or [T, W] if they are packed, to the same; causal ones see only those before them."""
        query, key, value = self._heads(self.qkv(self.norm1(x)), 3, packed)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=causal).transpose(1, 2).flatten(2)
        return self._finish(x, attended if packed is None else packed.pack(attended))

    def pool(self, x: Tensor, places: Tensor, visible: Tensor | None, packed: Packing | None = None) -> Tensor:
        """Compute the block for one token per row only.

        Args:
            x: tokens [B, L, W], or [T, W] if they are packed.
            places: int64 [B], the token to keep.
            visible: bool [B, L], the tokens it may see; None for all.
            packed: where packed tokens stand.

        Returns:
            [B, W], the row `places` of what `forward` returns.
        """
        pooled = (torch.arange(len(x), device=x.device), places) if packed is None else (packed.ends,)
        query, key, value = self._pooled_parts(self.norm1(x), pooled, places, packed)
        mask = None if visible is None else visible[:, None, None, :]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self._finish(x[pooled], attended.flatten(1))

    def _pooled_parts(
        self, normed: Tensor, pooled: tuple[Tensor, ...], places: Tensor, packed: Packing | None
    ) -> tuple[Tensor, ...]:
        """Return the query [B, heads, 1, W / heads] of one token per row, and the keys and values of all tokens."""
        if not isinstance(self.qkv, nn.Linear):  # an adapted layer is more than its weight
            query, key, value = self._heads(self.qkv(normed), 3, packed)
            return query[torch.arange(len(places), device=places.device), :, places][:, :, None], key, value
        width = normed.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        (query,) = self._heads(F.linear(normed[pooled], weight[:width], bias[:width])[:, None], 1)
        return query, *self._heads(F.linear(normed, weight[width:], bias[width:]), 2, packed)

    def _init(self, width: int, depth: int) -> None:
        """Draw weights by width, and residual branches smaller by depth."""
        residual_std = (2 * depth * width) ** -0.5
        for layer, std in (
            (self.qkv, width**-0.5),
            (self.out, residual_std),
            (self.fc1, (2 * width) ** -0.5),
            (self.fc2, residual_std),
        ):
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)

    def _heads(self, x: Tensor, num_parts: int, packed: Packing | None = None) -> Sequence[Tensor]:
        """Split [B, L, parts * W], or [T, parts * W] if packed, into parts of [B, heads, L, W / heads]."""
        x = x if packed is None else packed.spread(x)
        return [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in x.chunk(num_parts, -1)]

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.out(attended)
        return x + self.fc2(self._activate(self.fc1(self.norm2(x))))

    def _activate(self, x: Tensor) -> Tensor:
        return F.gelu(x) if self.activation == "gelu" else quick_gelu(x)


class Tower(FreezableTower):
    """An embedding, blocks, and a projection of one token to the shared space.

    Args:
        embedding: maps inputs to tokens [B, L, W].
        size: width, blocks and heads.
        embed_dim: width D of the shared space.
        activation: of the MLPs.
        causal: tokens see only those before them.
        standardised: outputs are standardised over the batch before they are normalised.
        name: "image" or "text", for messages.
    """

    def __init__(
        self,
        embedding: nn.Module,
        size: Transformer,
        embed_dim: int,
        activation: Activation,
        causal: bool,
        standardised: bool,
        name: str,
    ) -> None:
        blocks = (Block(size.width, size.heads, activation, size.blocks) for _ in range(size.blocks))
        super().__init__(name, embedding, nn.ModuleList(blocks))
        self.causal = causal
        self.norm = nn.LayerNorm(size.width)
        self.projection = nn.Parameter(torch.randn(size.width, embed_dim) * size.width**-0.5)
        self.standard = BatchNorm(embed_dim, gain=None) if standardised else nn.Identity()

    @property
    def num_below(self) -> int:
        """Blocks that `below` computes; the last one is read for one token only, which stands above."""
        return min(self.num_frozen, len(self.blocks) - 1)

    def above(self, x: Tensor, places: Tensor | None = None) -> Tensor:
        """Map what `below` returns to unit float32 rows [B, D].

        Args:
            x: tokens [B, L, W], or the inputs where nothing is frozen.
            places: int64 [B], the token to read off; None for the first ones.
        """
        x = self._entered(x)
        places = torch.zeros(len(x), dtype=torch.int64, device=x.device) if places is None else places
        packed = self._packing(x, places)
        visible = torch.arange(x.shape[1], device=x.device) <= places[:, None] if self.causal else None
        x = x if packed is None else packed.pack(x)
        for block in self.blocks[self.num_below : -1]:
            x = block(x, self.causal, packed)
        pooled = self.norm(cast(Block, self.blocks[-1]).pool(x, places, visible, packed))
        return F.normalize(self.standard((pooled @ self.projection).float()), dim=-1)

    def _frozen_through(self, blocks: Iterable[nn.Module], x: Tensor, places: Tensor | None) -> Tensor:
        packed = None if places is None else self._packing(x, places)
        x = x if packed is None else packed.pack(x)
        for block in blocks:
            x = block(x, self.causal, packed)
        return x if packed is None else packed.spread(x)

    def _packing(self, x: Tensor, places: Tensor) -> Packing | None:
        """Leave out what stands behind the places, if no token before them sees it."""
        return packing(places, x.shape[1]) if self.causal else None
