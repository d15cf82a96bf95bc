"""An exported CLIP as a graph of operations, written once for every runtime that takes graphs.

Weights come as numpy arrays, so that no other library is needed to make the graph. The input's scale, its equal
channels, the attention's scale and the norms over the batch are parts of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medxpert.models.architecture import Architecture, Convolutional, Transformer
from medxpert.models.layers import EPSILON, Floats, Weights, part

Node = Any
"""A value inside a graph, whatever the runtime takes for one."""


class Operations(Protocol):
    """What a runtime computes. Shapes of `reshape`: 0 keeps a size, -1 takes what is left."""

    def constant(self, value: NDArray) -> Node:
        """Hold an array."""
        ...

    def matmul(self, left: Node, right: Node) -> Node:
        """Multiply matrices, batches broadcast."""
        ...

    def add(self, left: Node, right: Node) -> Node:
        """Add, broadcast."""
        ...

    def norm(self, x: Node, weight: Floats, bias: Floats) -> Node:
        """Normalise the last axis."""
        ...

    def activate(self, x: Node, activation: str) -> Node:
        """Apply gelu, quick_gelu or relu."""
        ...

    def softmax(self, x: Node) -> Node:
        """Apply softmax to the last axis."""
        ...

    def unit(self, x: Node) -> Node:
        """Scale the rows of [B, D] to length 1."""
        ...

    def reshape(self, x: Node, shape: Sequence[int]) -> Node:
        """Give another shape."""
        ...

    def transpose(self, x: Node, axes: Sequence[int]) -> Node:
        """Reorder the axes."""
        ...

    def pick(self, x: Node, places: Node | int) -> Node:
        """Take rows of the first axis; a number takes one and drops the axis."""
        ...

    def lead(self, x: Node) -> Node:
        """Put one row of zeros before those of the second axis of [B, L, W]."""
        ...

    def convolve(self, x: Node, weight: Floats, bias: Floats, stride: int, padding: int) -> Node:
        """Convolve [B, C, H, W]."""
        ...


def image_graph(on: Operations, pixels: Node, weights: Weights, architecture: Architecture) -> Node:
    """Map float32 grey levels 0..255 [B, S, S] to unit rows [B, D]."""
    size = architecture.image
    if isinstance(size, Convolutional):
        return _head(on, _convolutions(on, pixels, weights, architecture, size), weights, architecture, "image")
    x = _patches(on, pixels, part(weights, "image.embedding"), architecture)
    for number in range(size.blocks - 1):
        x = _block(on, x, part(weights, f"image.blocks.{number}"), size, architecture)
    first = on.reshape(on.pick(on.transpose(x, (1, 0, 2)), 0), (-1, 1, size.width))
    x = _block(on, x, part(weights, f"image.blocks.{size.blocks - 1}"), size, architecture, of=first)
    return _head(on, _normed(on, x, weights, "image", size.width), weights, architecture, "image")


def text_graph(on: Operations, inputs: Sequence[Node], weights: Weights, architecture: Architecture) -> Node:
    """Map embedded tokens to unit rows [B, D].

    Args:
        on: the runtime.
        inputs: four.
            Float32 [B, L, W], tokens looked up and positions added.
            Int64 [B], places of the end-of-text marks, counted through the rows.
            Float32 [L, L], very low where a token (row) may not see another (column), else 0.
            Float32 [B, 1, 1, L], the same for the end-of-text marks.
        weights: of the model.
        architecture: of the model.
    """
    size = architecture.text
    x, ends, hidden, seen = inputs
    for number in range(size.blocks - 1):
        x = _block(on, x, part(weights, f"text.blocks.{number}"), size, architecture, hidden)
    last = on.reshape(on.pick(on.reshape(x, (-1, size.width)), ends), (-1, 1, size.width))
    x = _block(on, x, part(weights, f"text.blocks.{size.blocks - 1}"), size, architecture, seen, last)
    return _head(on, _normed(on, x, weights, "text", size.width), weights, architecture, "text")


def _patches(on: Operations, pixels: Node, embedding: Weights, architecture: Architecture) -> Node:
    weight, patch = embedding["patches.weight"], architecture.patch
    side = architecture.image_side // patch
    mean, std = (np.array(one, np.float32)[:, None, None] for one in (architecture.mean, architecture.std))
    cells = on.transpose(on.reshape(pixels, (0, side, patch, side, patch)), (0, 1, 3, 2, 4))
    cells = on.reshape(cells, (0, side * side, patch * patch))
    grey = (weight / (255 * std)).sum(axis=1).reshape(len(weight), -1)
    places = embedding["positions"].copy()
    places[0] += embedding["class_token"]
    places[1:] -= (weight * (mean / std)).sum(axis=(1, 2, 3))
    x = on.lead(_matmul(on, cells, grey))
    return on.norm(on.add(x, on.constant(places)), embedding["norm.weight"], embedding["norm.bias"])


def _block(
    on: Operations,
    x: Node,
    block: Weights,
    size: Transformer,
    architecture: Architecture,
    hidden: Node | None = None,
    of: Node | None = None,
) -> Node:
    """Apply a block to tokens [B, L, W]; to the one token per row `of` [B, 1, W] only, where it is given."""
    normed = on.norm(x, block["norm1.weight"], block["norm1.bias"])
    asking = normed if of is None else on.norm(of, block["norm1.weight"], block["norm1.bias"])
    x = x if of is None else of
    x = on.add(x, _linear(on, _attend(on, asking, normed, block, size, hidden), block["out.weight"], block["out.bias"]))
    inner = _linear(on, on.norm(x, block["norm2.weight"], block["norm2.bias"]), block["fc1.weight"], block["fc1.bias"])
    inner = on.activate(inner, architecture.activation)
    return on.add(x, _linear(on, inner, block["fc2.weight"], block["fc2.bias"]))


def _attend(on: Operations, asking: Node, x: Node, block: Weights, size: Transformer, hidden: Node | None) -> Node:
    width, scale = size.width, np.float32((size.width // size.heads) ** -0.5)
    weights = np.split(block["qkv.weight"], 3)
    biases = np.split(block["qkv.bias"], 3)
    heads = (0, 0, size.heads, width // size.heads)
    query = _linear(on, asking, weights[0] * scale, biases[0] * scale)
    key, value = (_linear(on, x, weights[place], biases[place]) for place in (1, 2))
    scores = on.matmul(
        on.transpose(on.reshape(query, heads), (0, 2, 1, 3)), on.transpose(on.reshape(key, heads), (0, 2, 3, 1))
    )
    shares = on.softmax(scores if hidden is None else on.add(scores, hidden))
    mixed = on.matmul(shares, on.transpose(on.reshape(value, heads), (0, 2, 1, 3)))
    return on.reshape(on.transpose(mixed, (0, 2, 1, 3)), (0, 0, width))


def _convolutions(
    on: Operations, pixels: Node, weights: Weights, architecture: Architecture, size: Convolutional
) -> Node:
    side = architecture.image_side
    mean, std = (np.array(one, np.float32)[:, None, None] for one in (architecture.mean, architecture.std))
    # a 1 x 1 convolution scales grey levels to channels; apart, because zeros are put round the scaled image
    scale = np.asarray(1 / (255 * std), np.float32)[:, None]
    shift = np.asarray(-mean / std, np.float32).ravel()
    x = on.convolve(on.reshape(pixels, (0, 1, side, side)), scale, shift, 1, 0)
    for number, stride in enumerate(size.strides):
        block = part(weights, f"image.blocks.{number}")
        shrunk = on.activate(_convolution(on, x, block, "shrink", 1, stride), "relu")
        inner = on.activate(_convolution(on, shrunk, block, "conv1", 2), "relu")
        x = on.activate(on.add(shrunk, _convolution(on, inner, block, "conv2", 3)), "relu")
    cells = on.convolve(x, weights["image.cells.weight"], weights["image.cells.bias"], 1, 0)
    return on.reshape(cells, (0, len(weights["image.projection"])))


def _convolution(on: Operations, x: Node, block: Weights, name: str, place: int, stride: int = 1) -> Node:
    """Convolve, the batch normalisation behind it included."""
    norm = part(block, f"norm{place}")
    scale = norm["weight"] / np.sqrt(norm["variance"] + EPSILON)
    weight = block[f"{name}.weight"] * scale[:, None, None, None]
    return on.convolve(x, weight, norm["bias"] - norm["mean"] * scale, stride, 1)


def _normed(on: Operations, x: Node, weights: Weights, name: str, width: int) -> Node:
    return on.norm(on.reshape(x, (-1, width)), weights[f"{name}.norm.weight"], weights[f"{name}.norm.bias"])


def _head(on: Operations, x: Node, weights: Weights, architecture: Architecture, name: str) -> Node:
    """Project [B, W] to unit rows [B, D]."""
    projection = weights[f"{name}.projection"].T
    if not architecture.standardised:
        return on.unit(_matmul(on, x, projection))
    scale = 1 / np.sqrt(weights[f"{name}.standard.variance"] + EPSILON)
    return on.unit(_linear(on, x, projection * scale[:, None], -weights[f"{name}.standard.mean"] * scale))


def _matmul(on: Operations, x: Node, weight: Floats) -> Node:
    return on.matmul(x, on.constant(np.ascontiguousarray(weight.T)))


def _linear(on: Operations, x: Node, weight: Floats, bias: Floats) -> Node:
    return on.add(_matmul(on, x, weight), on.constant(bias))
