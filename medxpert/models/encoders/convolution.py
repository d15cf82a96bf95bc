"""The convolutional image tower of an exported CLIP for inference with torch: norms are part of the weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from medxpert.models.architecture import Architecture, Convolutional
from medxpert.models.encoders.transformer import EPSILON, Head
from medxpert.models.state import State


class _Convolution:
    """A convolution with the batch normalisation behind it."""

    def __init__(self, state: State, weight: str, norm: str, stride: int, dtype: torch.dtype) -> None:
        scale = state[f"{norm}.weight"] * (state[f"{norm}.variance"] + EPSILON).rsqrt()
        folded = state[weight] * scale[:, None, None, None]
        self._weight = folded.to(dtype, memory_format=torch.channels_last)
        self._bias = (state[f"{norm}.bias"] - state[f"{norm}.mean"] * scale).to(dtype)
        self._stride = stride

    def __call__(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self._weight, self._bias, self._stride, padding=1)


class _Block:
    def __init__(self, state: State, name: str, stride: int, dtype: torch.dtype) -> None:
        self._shrink, self._conv1, self._conv2 = (
            _Convolution(state, f"{name}.{layer}.weight", f"{name}.norm{place}", by, dtype)
            for place, (layer, by) in enumerate((("shrink", stride), ("conv1", 1), ("conv2", 1)), start=1)
        )

    def __call__(self, x: Tensor) -> Tensor:
        x = self._shrink(x).relu_()
        return self._conv2(self._conv1(x).relu_()).add_(x).relu_()


class ConvolutionalTower:
    """Encodes radiographs."""

    def __init__(self, state: State, size: Convolutional, architecture: Architecture, dtype: torch.dtype) -> None:
        names = (f"image.blocks.{number}" for number in range(size.blocks))
        self._blocks = [_Block(state, *one, dtype) for one in zip(names, size.strides, strict=True)]
        self._cells = state["image.cells.weight"].to(dtype), state["image.cells.bias"].to(dtype)
        self._head = Head(state, "image", architecture.standardised)
        like = state["image.projection"]
        self._mean, self._std = (like.new_tensor(one)[:, None, None] for one in (architecture.mean, architecture.std))
        self._dtype = dtype

    def __call__(self, pixels: Tensor) -> Tensor:
        """Encode uint8 [B, S, S] to unit float32 rows [B, D]."""
        x = ((pixels[:, None] / 255 - self._mean) / self._std).to(self._dtype, memory_format=torch.channels_last)
        for block in self._blocks:
            x = block(x)
        return self._head(F.conv2d(x, *self._cells).flatten(1))
