"""Both towers of a CLIP, made ready for inference with torch in the precision that the machine is fast in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from medxpert.config.hardware import fast_precision
from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, Convolutional
from medxpert.models.encoders.convolution import ConvolutionalTower
from medxpert.models.encoders.sharing import order
from medxpert.models.encoders.transformer import ImageTower, TextTower
from medxpert.models.state import State

Floats = NDArray[np.float32]


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype for inference on a device: bfloat16 where it is faster than float32."""
    fast = device.type != "cpu" or fast_precision().startswith("bf16")
    return torch.bfloat16 if fast else torch.float32


class Towers:
    """The towers of one set of weights, each made ready when it is first used.

    Args:
        state: float32 weights under the names of an exported model; their device computes.
        architecture: what they belong to.
        dtype: of the computation; rows are made in float32.
    """

    def __init__(self, state: State, architecture: Architecture, dtype: torch.dtype) -> None:
        self._state, self._architecture, self._dtype = state, architecture, dtype
        self._device = state["logit_scale"].device

    @cached_property
    def _image(self) -> ImageTower | ConvolutionalTower:
        size = self._architecture.image
        if isinstance(size, Convolutional):
            return ConvolutionalTower(self._state, size, self._architecture, self._dtype)
        return ImageTower(self._state, size, self._architecture, self._dtype)

    @cached_property
    def _text(self) -> TextTower:
        return TextTower(self._state, self._architecture, self._dtype)

    @torch.inference_mode()
    def images(self, pixels: NDArray[np.uint8]) -> Floats:
        """Encode grey pixels [B, S, S] to unit rows [B, D], all at once.

        Raises:
            ConfigError: the images have another side than the model.
        """
        side = self._architecture.image_side
        if pixels.shape[1:] != (side, side):
            raise ConfigError(
                f"this model reads [{side}, {side}] pixels, found {list(pixels.shape[1:])}; give model.image_side"
            )
        return self._image(torch.from_numpy(pixels).to(self._device)).cpu().numpy()

    @torch.inference_mode()
    def texts(self, rows: Sequence[NDArray[np.int64]]) -> Floats:
        """Encode B rows of tokens, each of its own length, to unit rows [B, D], all at once."""
        places = order(rows)
        tokens = np.zeros((len(rows), max(map(len, rows))), np.int64)
        for target, place in zip(tokens, places, strict=True):
            target[: len(rows[place])] = rows[place]
        encoded: Floats = self._text(tokens).cpu().numpy()
        return encoded[np.argsort(places)]
