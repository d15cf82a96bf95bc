"""What a CLIP model is made of: its numbers, and the name and shape of every weight. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from medxpert.errors import ConfigError, DataError

Activation = Literal["gelu", "quick_gelu"]
Shape = tuple[int, ...]
_QUICK = "-quickgelu"
_NUM_SHOWN = 4


@dataclass(frozen=True)
class Transformer:
    """The size of one tower's stack of blocks; the MLPs are four times as wide as the blocks."""

    width: int
    blocks: int
    heads: int


@dataclass(frozen=True)
class Convolutional:
    """The size of a convolutional image tower.

    Attributes:
        widths: channels of the blocks; the first cuts the side to a quarter, each further one to a half.
        cell_width: values kept per cell of the last grid.
    """

    widths: tuple[int, ...]
    cell_width: int

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.widths)

    @property
    def strides(self) -> tuple[int, ...]:
        """By how much each block cuts the side."""
        return (4, *(2 for _ in self.widths[1:]))

    @property
    def patch(self) -> int:
        """Side in pixels of one cell of the last grid."""
        return math.prod(self.strides)


@dataclass(frozen=True)
class Architecture:
    """Everything but the weights and the merges that a model needs to be rebuilt.

    Attributes:
        patch: side in pixels of the square that becomes one image token or cell.
        standardised: whether the towers standardise their outputs over the batch.
        mean: one value per input channel, of grey levels scaled to 0..1.
        std: likewise.
    """

    name: str
    image_side: int
    patch: int
    embed_dim: int
    image: Transformer | Convolutional
    text: Transformer
    standardised: bool = False
    activation: Activation = "gelu"
    vocab_size: int = 49_408
    context_length: int = 77
    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)

    def __post_init__(self) -> None:
        """Refuse sizes that are not positive or do not divide."""
        self._check_positive()
        for tower in (self.image, self.text):
            if isinstance(tower, Transformer) and tower.width % tower.heads:
                raise ConfigError(f"{self.name}: a width of {tower.width} does not divide into {tower.heads} heads")
        if self.image_side % self.patch:
            raise ConfigError(
                f"model.image_side={self.image_side}: {self.name} needs a multiple of {self.patch} pixels"
            )

    def _check_positive(self) -> None:
        sizes = {"image_side": self.image_side, "embed_dim": self.embed_dim}
        sizes |= {"image_blocks": self.image.blocks, "text_blocks": self.text.blocks}
        for key, size in sizes.items():
            if size < 1:
                raise ConfigError(f"model.{key}={size} must be at least 1")

    @property
    def num_image_tokens(self) -> int:
        """Patches of one image and the class token."""
        return (self.image_side // self.patch) ** 2 + 1


@cache
def _published() -> dict[str, dict[str, Any]]:
    return json.loads((Path(__file__).parent / "architectures.json").read_text(encoding="utf-8"))


def published_architecture(name: str) -> Architecture:
    """Look up a published CLIP by open_clip's name, such as ViT-B-32-quickgelu.

    Raises:
        ConfigError: the name is unknown; the message lists the known ones.
    """
    plain = plain_name(name)
    if plain not in _published():
        known = ", ".join(f"{key}[{_QUICK}]" for key in _published())
        raise ConfigError(f"model.architecture={name} is unknown; known are {known}")
    activation = "quick_gelu" if name.endswith(_QUICK) else "gelu"
    return parse_architecture({"name": name, "activation": activation, **_published()[plain]})


def parse_architecture(values: Mapping[str, Any]) -> Architecture:
    """Build from plain JSON values, the inverse of `dataclasses.asdict`.

    Raises:
        TypeError: a value is missing, unknown or of the wrong kind.
    """
    towers = {key: _parse_tower(values[key]) for key in ("image", "text") if key in values}
    return Architecture(**{**_tuples(values), **towers})


def _parse_tower(values: Mapping[str, Any]) -> Transformer | Convolutional:
    return (Convolutional if "widths" in values else Transformer)(**_tuples(values))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def plain_name(name: str) -> str:
    """Return the name without its activation."""
    return name.removesuffix(_QUICK)


def check_activation(found: str, architecture: Architecture, weights: str) -> None:
    """Refuse weights that were trained with another activation than the architecture's.

    Raises:
        ConfigError: they differ; names the architecture to choose.
    """
    if found != architecture.activation:
        cure = plain_name(architecture.name) + (_QUICK if found == "quick_gelu" else "")
        raise ConfigError(
            f"model.weights={weights} was trained with {found}, model.architecture={architecture.name} computes "
            f"{architecture.activation}; choose model.architecture={cure}"
        )


def weight_shapes(architecture: Architecture) -> dict[str, Shape]:
    """Name every weight and its shape; linear layers are [out, in], projections [width, embed_dim]."""
    text, width = architecture.text, architecture.embed_dim
    shapes: dict[str, Shape] = {"logit_scale": ()}
    shapes |= _image_shapes(architecture)
    shapes["text.embedding.tokens.weight"] = (architecture.vocab_size, text.width)
    shapes["text.embedding.positions"] = (architecture.context_length, text.width)
    shapes |= _transformer_shapes("text", text, width)
    if architecture.standardised:
        for name in ("image", "text"):
            shapes[f"{name}.standard.mean"] = shapes[f"{name}.standard.variance"] = (width,)
    return shapes


def check_weights(found: Mapping[str, Shape], architecture: Architecture, where: Path) -> None:
    """Compare names and shapes of weights with what the architecture needs, nothing more or less.

    Raises:
        DataError: they differ; the message shows the first few.
    """
    expected = weight_shapes(architecture)
    faults = [f"{name} is missing" for name in expected if name not in found]
    faults += [f"{name} is not part of the model" for name in found if name not in expected]
    faults += [
        f"{name} has shape {list(found[name])}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if faults:
        more = f"; and {len(faults) - _NUM_SHOWN} more" if len(faults) > _NUM_SHOWN else ""
        raise DataError(
            f"{where}: does not hold the weights of {architecture.name}: {'; '.join(faults[:_NUM_SHOWN])}{more}"
        )


def _image_shapes(architecture: Architecture) -> dict[str, Shape]:
    size, channels = architecture.image, len(architecture.mean)
    if isinstance(size, Convolutional):
        return _convolution_shapes(architecture, size)
    shapes: dict[str, Shape] = {
        "image.embedding.patches.weight": (size.width, channels, architecture.patch, architecture.patch),
        "image.embedding.class_token": (size.width,),
        "image.embedding.positions": (architecture.num_image_tokens, size.width),
    }
    return (
        shapes | _norm("image.embedding.norm", size.width) | _transformer_shapes("image", size, architecture.embed_dim)
    )


def _convolution_shapes(architecture: Architecture, size: Convolutional) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    channels = (len(architecture.mean), *size.widths)
    for number, (width, stride) in enumerate(zip(size.widths, size.strides, strict=True)):
        name = f"image.blocks.{number}"
        shapes[f"{name}.shrink.weight"] = (width, channels[number], stride + 2, stride + 2)
        for place in (1, 2):
            shapes[f"{name}.conv{place}.weight"] = (width, width, 3, 3)
        for place in (1, 2, 3):
            shapes |= _norm(f"{name}.norm{place}", width)
            shapes[f"{name}.norm{place}.mean"] = shapes[f"{name}.norm{place}.variance"] = (width,)
    shapes |= _layer("image.cells", size.cell_width, size.widths[-1], 1, 1)
    num_values = size.cell_width * (architecture.image_side // size.patch) ** 2
    shapes["image.projection"] = (num_values, architecture.embed_dim)
    return shapes


def _transformer_shapes(name: str, size: Transformer, embed_dim: int) -> dict[str, Shape]:
    shapes = _norm(f"{name}.norm", size.width)
    for number in range(size.blocks):
        shapes |= _block_shapes(f"{name}.blocks.{number}", size.width)
    shapes[f"{name}.projection"] = (size.width, embed_dim)
    return shapes


def _block_shapes(name: str, width: int) -> dict[str, Shape]:
    return (
        _norm(f"{name}.norm1", width)
        | _layer(f"{name}.qkv", 3 * width, width)
        | _layer(f"{name}.out", width, width)
        | _norm(f"{name}.norm2", width)
        | _layer(f"{name}.fc1", 4 * width, width)
        | _layer(f"{name}.fc2", width, 4 * width)
    )


def _layer(name: str, out: int, *rest: int) -> dict[str, Shape]:
    return {f"{name}.weight": (out, *rest), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
