"""The encoder that is through first with so many images, on this machine and with what is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from medxpert.config.hardware import fast_precision
from medxpert.errors import ConfigError
from medxpert.models.encoders.exported import ExportedEncoder

_MANY = 100
"""Images from which torch, which takes seconds to load and then less for each, is through before numpy."""
_MANY_BF16 = 30
"""The same where there is a GPU or a processor that is fast in bfloat16."""


def open_encoder(folder: Path, num_images: int = 1) -> ExportedEncoder:
    """Open a model folder that `CLIP.export` wrote; experiments/speed/encoders.md has the figures behind the choice.

    Args:
        folder: of the model.
        num_images: how many images and texts are to be expected.

    Raises:
        ConfigError: num_images is not positive.
        DataError: the folder is incomplete, broken, changed, or holds other weights than its card says.
    """
    if num_images < 1:
        raise ConfigError(f"encoder.num_images={num_images} must be at least 1")
    many = _MANY_BF16 if fast_precision().startswith("bf16") else _MANY
    if num_images >= many and find_spec("torch") is not None:
        from medxpert.models.encoders.torch import TorchEncoder

        return TorchEncoder.open(folder)
    from medxpert.models.inference import NumpyEncoder

    return NumpyEncoder.open(folder)
