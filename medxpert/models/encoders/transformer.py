"""The transformer towers of an exported CLIP for inference with torch: nothing is kept for a backward pass."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from medxpert.models.architecture import Activation, Architecture, Transformer
from medxpert.models.encoders.attention import Grid, Layout, Tree
from medxpert.models.encoders.linear import Linear
from medxpert.models.encoders.sharing import share
from medxpert.models.state import State

EPSILON = 1e-5
_QUICK = 1.702


class Norm:
    """Layer normalisation over the last axis, from float32 to the dtype of the computation."""

    def __init__(self, state: State, name: str, dtype: torch.dtype) -> None:
        self._weight, self._bias = state[f"{name}.weight"], state[f"{name}.bias"]
        self._dtype = dtype

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise [N, W]."""
        return F.layer_norm(x, self._weight.shape, self._weight, self._bias).to(self._dtype)


class Block:
    """One block on tokens that lie row by row, so that none of them need be padding.

    Whatever the dtype of the products, what goes from block to block stays float32, as under autocast.
    """

    def __init__(self, state: State, name: str, heads: int, activation: Activation, dtype: torch.dtype) -> None:
        def layer(place: str) -> tuple[Tensor, Tensor]:
            return state[f"{name}.{place}.weight"], state[f"{name}.{place}.bias"]

        self._heads = heads
        self._norm1, self._norm2 = Norm(state, f"{name}.norm1", dtype), Norm(state, f"{name}.norm2", dtype)
        weight, bias = layer("qkv")
        width = weight.shape[1]
        self._query = Linear(weight[:width].to(dtype), bias[:width].to(dtype))
        self._key_value = Linear(weight[width:].to(dtype), bias[width:].to(dtype))
        weight, bias = layer("out")
        self._out = Linear(weight.to(dtype), bias.to(dtype))
        # QuickGELU in one pass: x sigmoid(1.702 x) = swish(1.702 x) / 1.702, and the products scale before and behind
        self._swish = activation == "quick_gelu"
        scale = _QUICK if self._swish else 1.0
        weight, bias = layer("fc1")
        self._fc1 = Linear(weight.to(dtype), (bias * scale).to(dtype), scale)
        weight, bias = layer("fc2")
        self._fc2 = Linear(weight.to(dtype), bias.to(dtype), 1 / scale)

    def __call__(self, x: Tensor, layout: Layout) -> Tensor:
        """Map the U different tokens [U, W] of a batch to the same."""
        normed = self._norm1(x)
        query, key_value = self._query(normed), self._key_value(normed)
        return self._finish(x, layout.attend(query, key_value, self._heads))

    def pool(self, x: Tensor, layout: Layout) -> Tensor:
        """Compute one token per text or image only, [B, W]."""
        normed = self._norm1(x)
        query, key_value = self._query(normed[layout.ends]), self._key_value(normed)
        return self._finish(x[layout.ends], layout.attend_ends(query, key_value, self._heads))

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = self._out.onto(attended, x)
        inner = self._fc1(self._norm2(x))
        return self._fc2.onto(F.silu(inner, inplace=True) if self._swish else F.gelu(inner), x)


class Head:
    """From what a tower ends with to unit rows of the shared space, in float32."""

    def __init__(self, state: State, name: str, standardised: bool) -> None:
        self._weight = state[f"{name}.projection"]
        self._bias = torch.zeros_like(self._weight[0])
        if standardised:
            scale = (state[f"{name}.standard.variance"] + EPSILON).rsqrt()
            self._weight, self._bias = self._weight * scale, -state[f"{name}.standard.mean"] * scale

    def __call__(self, x: Tensor) -> Tensor:
        """Map [B, W] to [B, D]."""
        return F.normalize(torch.addmm(self._bias, x.float(), self._weight), dim=-1)


class _Tower:
    """Blocks and a head."""

    def __init__(
        self, state: State, name: str, size: Transformer, architecture: Architecture, dtype: torch.dtype
    ) -> None:
        names = (f"{name}.blocks.{number}" for number in range(size.blocks))
        self._blocks = [Block(state, one, size.heads, architecture.activation, dtype) for one in names]
        self._norm = Norm(state, f"{name}.norm", torch.float32)
        self._head = Head(state, name, architecture.standardised)

    def _rows(self, x: Tensor, layout: Layout) -> Tensor:
        """Map the first tokens [U, W] of a batch to unit rows [B, D]."""
        for block in self._blocks[:-1]:
            x = block(x, layout)
        return self._head(self._norm(self._blocks[-1].pool(x, layout)))


class ImageTower(_Tower):
    """Encodes radiographs. The input's scale and its equal channels are part of the patches' weight."""

    def __init__(self, state: State, size: Transformer, architecture: Architecture, dtype: torch.dtype) -> None:
        super().__init__(state, "image", size, architecture, dtype)
        weight = state["image.embedding.patches.weight"]
        mean, std = (weight.new_tensor(values)[:, None, None] for values in (architecture.mean, architecture.std))
        grey = (weight / (255 * std)).sum(dim=1).flatten(1)
        self._patches = Linear(grey, -(weight * (mean / std)).sum(dim=(1, 2, 3)))
        self._first = state["image.embedding.class_token"]
        self._positions = state["image.embedding.positions"]
        self._enter = Norm(state, "image.embedding.norm", torch.float32)
        self._patch = architecture.patch

    def __call__(self, pixels: Tensor) -> Tensor:
        """Encode uint8 [B, S, S] to unit float32 rows [B, D]."""
        batch, side = len(pixels), pixels.shape[1] // self._patch
        cells = pixels.reshape(batch, side, self._patch, side, self._patch).transpose(2, 3)
        patches = self._patches(cells.reshape(batch * side * side, -1).float())
        x = torch.cat([self._first.expand(batch, 1, -1), patches.view(batch, side * side, -1)], dim=1)
        x = self._enter(x.add_(self._positions).flatten(0, 1))
        return self._rows(x, Grid(batch, side * side + 1, x.device))


class TextTower(_Tower):
    """Encodes texts, what several of them begin with only once."""

    def __init__(self, state: State, architecture: Architecture, dtype: torch.dtype) -> None:
        super().__init__(state, "text", architecture.text, architecture, dtype)
        self._tokens = state["text.embedding.tokens.weight"]
        self._positions = state["text.embedding.positions"]

    def __call__(self, tokens: NDArray[np.int64]) -> Tensor:
        """Encode tokens [B, L] to unit float32 rows [B, D]."""
        shared, device = share(tokens), self._tokens.device
        numbers, positions = (torch.from_numpy(one).to(device) for one in (shared.tokens, shared.positions))
        x = self._tokens[numbers].add_(self._positions[positions])
        return self._rows(x, Tree(shared, device))
