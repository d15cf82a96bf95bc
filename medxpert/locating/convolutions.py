"""A convolutional tower traced forwards and backwards: its score is piecewise linear in what its blocks hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.locating.trace import Layers, Trace, row_lengths
from medxpert.models.architecture import Architecture, Convolutional
from medxpert.models.inference import Passed, flatten_cells, project, run_convolution, scale_pixels
from medxpert.models.layers import Floats, Weights, part

_EPSILON = np.float32(1e-5)


def trace(pixels: NDArray[np.uint8], architecture: Architecture, weights: Weights, size: Convolutional) -> Trace:
    """Trace grey pixels [B, S, S]; one layer per block, the finest first."""
    x, passed = scale_pixels(pixels, architecture), []
    blocks = [part(weights, f"image.blocks.{number}") for number in range(size.blocks)]
    for block, stride in zip(blocks, size.strides, strict=True):
        passed.append(run_convolution(x, block, stride))
        x = passed[-1].out

    def slopes(directions: Floats) -> Layers:
        layers = [_head_slopes(directions, x.shape[1], weights, architecture, size)]
        for number in range(size.blocks - 1, 0, -1):
            layers.append(_pull_back(layers[-1], passed[number], blocks[number], size.strides[number]))
        return tuple(reversed(layers))

    rows = project("image", flatten_cells(x, weights), weights, architecture.standardised)
    return Trace(tuple(one.out for one in passed), slopes, row_lengths(rows))


def _pull_back(slopes: Floats, passed: Passed, block: Weights, stride: int) -> Floats:
    """Turn slopes by a block's output into slopes by its input."""
    slopes = slopes * (passed.out > 0)
    inner = transposed(slopes * _scale(block, 3), block["conv2.weight"], 1) * (passed.inner > 0)
    slopes = slopes + transposed(inner * _scale(block, 2), block["conv1.weight"], 1)
    return transposed(slopes * (passed.shrunk > 0) * _scale(block, 1), block["shrink.weight"], stride)


def transposed(slopes: Floats, weight: Floats, stride: int) -> Floats:
    """Apply the transpose of `convolve(x, weight, stride, padding=1)` to [B, h, w, O]; return [B, h*s, w*s, I].

    The kernels are those of the tower: `stride` + 2 pixels wide, so that the side is cut by exactly `stride`.
    """
    batch, height, width, _ = slopes.shape
    taps = np.ascontiguousarray(weight.transpose(2, 3, 0, 1))
    padded = np.zeros((batch, height * stride + 2, width * stride + 2, weight.shape[1]), np.float32)
    for down, right in np.ndindex(*taps.shape[:2]):
        reached = padded[:, down : down + height * stride : stride, right : right + width * stride : stride]
        reached += slopes @ taps[down, right]
    return padded[:, 1:-1, 1:-1]


def _scale(block: Weights, place: int) -> Floats:
    """Return what a batch norm multiplies its input by, [width]."""
    norm = part(block, f"norm{place}")
    scale: Floats = norm["weight"] / np.sqrt(norm["variance"] + _EPSILON)
    return scale


def _head_slopes(
    directions: Floats, side: int, weights: Weights, architecture: Architecture, size: Convolutional
) -> Floats:
    """Return the slopes [B, h, w, width] of the head, which is linear."""
    if architecture.standardised:
        directions = directions / np.sqrt(weights["image.standard.variance"] + _EPSILON)
    rows = (directions @ weights["image.projection"].T).reshape(len(directions), size.cell_width, side, side)
    return np.asarray(rows.transpose(0, 2, 3, 1) @ weights["image.cells.weight"][:, :, 0, 0], np.float32)
