"""Encoding with an exported model in numpy alone: memory-mapped weights, neither torch nor open_clip."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.models.architecture import Activation, Architecture, Convolutional, Transformer
from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.models.layers import (
    Floats,
    Weights,
    activate,
    attend,
    batch_norm,
    convolve,
    layer_norm,
    linear,
    part,
    relu,
)


class NumpyEncoder(ExportedEncoder):
    """An exported CLIP; equals the torch model to 1e-5. Nothing has to be loaded, so the first row is there first."""

    batch = 16

    def _images(self, pixels: NDArray[np.uint8]) -> Floats:
        size = self.architecture.image
        x = scale_pixels(pixels, self.architecture)
        if isinstance(size, Convolutional):
            return self._finish("image", run_convolutions(x, self.weights, size))
        tokens = embed_patches(x, part(self.weights, "image.embedding"))
        return self._tower("image", size, tokens, np.zeros(len(tokens), np.int64))

    def _texts(self, tokens: NDArray[np.int64]) -> Floats:
        x = self.weights["text.embedding.tokens.weight"][tokens]
        x = x + self.weights["text.embedding.positions"][: tokens.shape[1]]
        return self._tower("text", self.architecture.text, x, tokens.argmax(axis=1))

    def _tower(self, name: str, size: Transformer, x: Floats, places: NDArray[np.int64]) -> Floats:
        hidden = np.triu(np.full((x.shape[1],) * 2, -np.inf, np.float32), 1) if name == "text" else None
        for number in range(size.blocks):
            block = part(self.weights, f"{name}.blocks.{number}")
            last = number == size.blocks - 1
            x = run_block(x, block, size.heads, self.architecture.activation, hidden, places if last else None)
        return self._finish(name, layer_norm(x[:, 0], part(self.weights, f"{name}.norm")))

    def _finish(self, name: str, rows: Floats) -> Floats:
        """Project [B, W] to unit rows of the shared space."""
        rows = project(name, rows, self.weights, self.architecture.standardised)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def open_encoder(folder: Path) -> NumpyEncoder:
    """Open a model folder that `CLIP.export` wrote, as `NumpyEncoder.open` does."""
    return NumpyEncoder.open(folder)


def scale_pixels(pixels: NDArray[np.uint8], architecture: Architecture) -> Floats:
    """Scale grey images [B, S, S] to [B, S, S, C], one channel per mean and deviation."""
    mean, std = (np.array(values, np.float32) for values in (architecture.mean, architecture.std))
    scaled: Floats = (pixels[..., None].astype(np.float32) / np.float32(255) - mean) / std
    return scaled


def embed_patches(x: Floats, embedding: Weights) -> Floats:
    """Turn scaled images [B, S, S, C] into the first tokens [B, L, W] of a transformer."""
    weight = embedding["patches.weight"]
    cells = convolve(x, weight, stride=weight.shape[-1])
    patches = cells.reshape(len(x), -1, cells.shape[-1])
    first = np.broadcast_to(embedding["class_token"], (len(x), 1, patches.shape[-1]))
    return layer_norm(np.concatenate([first, patches], axis=1) + embedding["positions"], part(embedding, "norm"))


class Passed(NamedTuple):
    """What a convolutional block held on the way, [B, h, w, width] each."""

    shrunk: Floats
    inner: Floats
    out: Floats


def run_convolutions(x: Floats, weights: Weights, size: Convolutional) -> Floats:
    """Apply a convolutional tower's blocks to scaled images [B, S, S, C]; return all its cells, [B, W]."""
    for number, stride in enumerate(size.strides):
        x = run_convolution(x, part(weights, f"image.blocks.{number}"), stride).out
    return flatten_cells(x, weights)


def run_convolution(x: Floats, block: Weights, stride: int) -> Passed:
    """Apply one convolutional block to [B, H, W, C]."""
    norms = [part(block, f"norm{place}") for place in (1, 2, 3)]
    shrunk = relu(batch_norm(convolve(x, block["shrink.weight"], stride, padding=1), norms[0]))
    inner = relu(batch_norm(convolve(shrunk, block["conv1.weight"], padding=1), norms[1]))
    return Passed(shrunk, inner, relu(shrunk + batch_norm(convolve(inner, block["conv2.weight"], padding=1), norms[2])))


def flatten_cells(x: Floats, weights: Weights) -> Floats:
    """Turn the last block's [B, h, w, width] into the values of all cells, [B, W]."""
    cells = convolve(x, weights["image.cells.weight"]) + weights["image.cells.bias"]
    return cells.transpose(0, 3, 1, 2).reshape(len(x), -1)


def project(name: str, rows: Floats, weights: Weights, standardised: bool) -> Floats:
    """Project what a tower ends with [B, W] to the shared space, lengths as they come, [B, D]."""
    rows = rows @ weights[f"{name}.projection"]
    return batch_norm(rows, part(weights, f"{name}.standard")) if standardised else rows


def run_block(
    x: Floats,
    block: Weights,
    heads: int,
    activation: Activation,
    hidden: Floats | None,
    places: NDArray[np.int64] | None,
) -> Floats:
    """Apply one transformer block to tokens [B, L, W].

    Args:
        x: tokens.
        block: the block's weights.
        heads: attention heads.
        activation: of the MLP.
        hidden: [L, L], -inf where a token (row) may not see another (column); None for all seen.
        places: [B], the one token per row to compute; None for all.

    Returns:
        [B, L, W], or [B, 1, W] with `places`.
    """
    normed = layer_norm(x, part(block, "norm1"))
    width = x.shape[-1]
    weight, bias = block["qkv.weight"], block["qkv.bias"]
    key, value = np.split(linear(normed, weight[width:], bias[width:]), 2, axis=-1)
    if places is not None:
        rows = np.arange(len(x)), places
        x, normed = x[rows][:, None], normed[rows][:, None]
        hidden = None if hidden is None else hidden[places][:, None, None]
    query = linear(normed, weight[:width], bias[:width])
    x = x + linear(attend(query, key, value, heads, hidden), block["out.weight"], block["out.bias"])
    inner = linear(layer_norm(x, part(block, "norm2")), block["fc1.weight"], block["fc1.bias"])
    return x + linear(activate(inner, activation), block["fc2.weight"], block["fc2.bias"])
