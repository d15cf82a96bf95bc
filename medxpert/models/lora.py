"""Low-rank adapters (LoRA, Hu et al., ICLR 2022), which `peft` puts beside the layers of a tower's blocks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from medxpert.errors import ConfigError, MissingExtraError


@dataclass(frozen=True)
class LoRA:
    """Which adapters are trained in place of the weights; rank 0 trains the weights themselves.

    Every linear or convolutional layer W of a block that is not frozen becomes W + alpha / rank * B A, and only A and
    B are trained, with the scale of the similarities. All other weights stay as they are, norms and projections too,
    and so do the batch statistics of the blocks; a standardised tower still standardises its outputs over the batch.

    Attributes:
        rank: rows of A and columns of B; 0 for no adapters.
        alpha: strength of the adapters; None for as much as the rank.
        dropout: share of an adapter's inputs that training leaves out, in [0, 1).
        image: whether the image tower gets adapters; without them it stays as it is.
        text: likewise for the text tower.

    Raises:
        ConfigError: a number is out of range.
        MissingExtraError: peft is not installed.
    """

    rank: int = 0
    alpha: float | None = None
    dropout: float = 0.0
    image: bool = True
    text: bool = True

    def __post_init__(self) -> None:
        """Check the numbers, and that adapters can be had before any weights are read."""
        if self.rank < 0:
            raise ConfigError(f"model.lora.rank={self.rank} must be at least 0")
        if self.alpha is not None and self.alpha <= 0:
            raise ConfigError(f"model.lora.alpha={self.alpha} must be greater than 0")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.lora.dropout={self.dropout} must lie in [0, 1)")
        if self.rank and find_spec("peft") is None:
            raise MissingExtraError("peft", "lora")


NO_LORA = LoRA()


def add_adapters(blocks: nn.ModuleList, lora: LoRA) -> None:
    """Put adapters that change nothing yet, B being 0, beside every linear and convolutional layer of the blocks."""
    from peft import LoraConfig, inject_adapter_in_model

    layers = [name for name, layer in blocks.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    strength: Any = lora.rank if lora.alpha is None else lora.alpha
    config = LoraConfig(r=lora.rank, lora_alpha=strength, lora_dropout=lora.dropout, target_modules=layers)
    inject_adapter_in_model(config, blocks)


def adapted_layers(model: nn.Module) -> dict[str, Any]:
    """Find the layers that have adapters, by their names in the model."""
    return {name: layer for name, layer in model.named_modules() if hasattr(layer, "get_delta_weight")}


@torch.no_grad()
def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights with the adapters folded into them, under the names that a model without adapters has."""
    state = {
        name.replace(".base_layer.", "."): tensor for name, tensor in model.state_dict().items() if ".lora_" not in name
    }
    for name, layer in adapted_layers(model).items():
        state[f"{name}.weight"] = layer.get_base_layer().weight + layer.get_delta_weight("default")
    return state
