"""What a CLIP model is made of. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from medxpert.errors import ConfigError

Activation = Literal["gelu", "quick_gelu"]
_QUICK = "-quickgelu"


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
        if self.context_length < 2:
            raise ConfigError(f"model.context_length={self.context_length} must be at least 2, for a text's two marks")

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
