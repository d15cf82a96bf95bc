"""Encoding with an exported model in torch: on a GPU where there is one, else in the processor's fast precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.models.encoders.towers import Towers, fast_dtype
from medxpert.models.folder import Card
from medxpert.models.layers import Floats, Weights


class TorchEncoder(ExportedEncoder):
    """An exported CLIP in torch; float32 equals the trained model to 1e-5, bfloat16 to a cosine of 0.9999."""

    def __init__(self, folder: Path, card: Card, weights: Weights) -> None:
        super().__init__(folder, card, weights)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        state = {name: torch.from_numpy(array).to(device) for name, array in weights.items()}
        self._towers = Towers(state, card.architecture, fast_dtype(device))

    def _images(self, pixels: NDArray[np.uint8]) -> Floats:
        return self._towers.images(pixels)

    def _texts(self, tokens: NDArray[np.int64]) -> Floats:
        return self._towers.texts(list(tokens))


def open_encoder(folder: Path) -> TorchEncoder:
    """Open a model folder that `CLIP.export` wrote, as `ExportedEncoder.open` does."""
    return TorchEncoder.open(folder)
