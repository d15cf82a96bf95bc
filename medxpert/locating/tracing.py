"""Traces pictures through whichever image tower an encoder has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.locating import convolutions, patches
from medxpert.locating.trace import Trace
from medxpert.models.architecture import Convolutional
from medxpert.models.encoders.exported import ExportedEncoder


def trace(encoder: ExportedEncoder, pixels: NDArray[np.uint8]) -> Trace:
    """Trace grey pixels [B, S, S]."""
    architecture, size = encoder.architecture, encoder.architecture.image
    if isinstance(size, Convolutional):
        return convolutions.trace(pixels, architecture, encoder.weights, size)
    return patches.trace(pixels, architecture, encoder.weights, size)
