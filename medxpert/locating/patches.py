"""A vision transformer traced: what each patch brought to the class token, by the attention of all its blocks.

The class token at the end is what it was at first, plus what every block's attention took from each token, plus what
the MLPs added (Gandelsman et al., ICLR 2024). With the spread of the last layer norm held, the score is their sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.locating.trace import Layers, Trace, row_lengths
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.inference import embed_patches, project, run_block, scale_pixels
from medxpert.models.layers import Floats, Weights, layer_norm, linear, part

_EPSILON = np.float32(1e-5)


def trace(pixels: NDArray[np.uint8], architecture: Architecture, weights: Weights, size: Transformer) -> Trace:
    """Trace grey pixels [B, S, S]; one layer [B, h, w, D]: what each patch brought, in the shared space."""
    x = embed_patches(scale_pixels(pixels, architecture), part(weights, "image.embedding"))
    total = np.zeros_like(x)
    for number in range(size.blocks):
        block = part(weights, f"image.blocks.{number}")
        total += brought(x, block, size.heads)
        x = run_block(x, block, size.heads, architecture.activation, None, None)
    values, lengths = _projected(x[:, 0], total[:, 1:], architecture, weights)
    side = architecture.image_side // architecture.patch
    grid = values.reshape(len(x), side, side, -1)

    def slopes(directions: Floats) -> Layers:
        return (np.broadcast_to(directions[:, None, None], grid.shape),)

    return Trace((grid,), slopes, lengths)


def brought(x: Floats, block: Weights, heads: int) -> Floats:
    """Return what one block's attention takes from each token [B, L, W] for the class token."""
    normed, width = layer_norm(x, part(block, "norm1")), x.shape[-1]
    weight, bias = block["qkv.weight"], block["qkv.bias"]
    query = linear(normed[:, :1], weight[:width], bias[:width]).reshape(len(x), heads, -1)
    key, value = np.split(linear(normed, weight[width:], bias[width:]), 2, axis=-1)
    key, value = (one.reshape(*x.shape[:2], heads, -1) for one in (key, value))
    scores = np.einsum("bhk,blhk->blh", query, key) * np.float32((width // heads) ** -0.5)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return np.asarray((shares[..., None] * value).reshape(x.shape) @ block["out.weight"].T, np.float32)


def _projected(last: Floats, brought: Floats, architecture: Architecture, weights: Weights) -> tuple[Floats, Floats]:
    """Project what patches brought [B, P, W] with the class token's own spread; also return the lengths [B]."""
    norm, projection = part(weights, "image.norm"), weights["image.projection"]
    spread = np.sqrt(last.var(axis=-1) + _EPSILON)[:, None, None]
    values = (brought - brought.mean(axis=-1, keepdims=True)) / spread * norm["weight"] @ projection
    if architecture.standardised:
        values = values / np.sqrt(weights["image.standard.variance"] + _EPSILON)
    rows = project("image", layer_norm(last, norm), weights, architecture.standardised)
    return values, row_lengths(rows)
