"""Towers whose first blocks can be frozen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Self

import torch
from torch import Tensor, nn

from medxpert.errors import ConfigError
from medxpert.models.lowering import Lowered


class FreezableTower(nn.Module):
    """An embedding and blocks above it, frozen from the bottom up.

    Args:
        name: "image" or "text", for messages.
        embedding: maps inputs to what the first block takes.
        blocks: in their order.
    """

    projection: nn.Parameter

    def __init__(self, name: str, embedding: nn.Module, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.name = name
        self.num_frozen = 0
        self.held = False
        self.embedding = embedding
        self.blocks = blocks
        self._lowered = Lowered()

    def forward(self, inputs: Tensor, places: Tensor | None = None) -> Tensor:
        """Map B inputs to unit float32 rows [B, D]; places are those of `above`."""
        return self.above(self.below(inputs, places), places)

    def below(self, inputs: Tensor, places: Tensor | None = None) -> Tensor:
        """Compute what no training changes: the embedding and the frozen blocks, without a graph.

        Under autocast it reads copies of the frozen matrices in autocast's dtype, which give what the cast of each
        step would give.

        Args:
            inputs: of the tower.
            places: int64 [B], where texts end; None computes the padding behind them too.

        Returns:
            What the first block above takes, undefined behind the places; the inputs themselves where nothing is
            frozen.
        """
        if not self.num_frozen:
            return inputs
        with torch.no_grad():
            blocks = self._lowered.of(self.blocks[: self.num_below], inputs.device.type)
            return self._frozen_through(blocks, self.embedding(inputs), places)

    @abstractmethod
    def above(self, x: Tensor, places: Tensor | None = None) -> Tensor:
        """Map what `below` returns to unit float32 rows [B, D], read off the tokens at places, int64 [B]."""

    @property
    def num_below(self) -> int:
        """Blocks that `below` computes."""
        return self.num_frozen

    @abstractmethod
    def _frozen_through(self, blocks: Iterable[nn.Module], x: Tensor, places: Tensor | None) -> Tensor:
        """Apply the first blocks, one after the other, to what the embedding gives."""

    def _entered(self, x: Tensor) -> Tensor:
        """Embed what `below` left as it was; what it computed may have been kept in another dtype."""
        return x.to(self.projection.dtype) if self.num_frozen else self.embedding(x)

    def freeze(self, num_blocks: int) -> None:
        """Freeze the embedding and the first blocks for good; 0 leaves everything trainable.

        Raises:
            ConfigError: the tower has fewer blocks.
        """
        if not 0 <= num_blocks <= len(self.blocks):
            raise ConfigError(
                f"model.freeze.{self.name}_blocks={num_blocks}: "
                f"the {self.name} tower has {len(self.blocks)} blocks; choose 0 to {len(self.blocks)}"
            )
        self.num_frozen = num_blocks
        for module in self._frozen():
            module.requires_grad_(False)
        self.train(self.training)

    def hold(self) -> None:
        """Keep every weight as it is, and the batch statistics of all blocks; adapters may be put beside them."""
        self.held = True
        self.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the training mode, except in what is frozen."""
        super().train(mode)
        for module in self._frozen():
            module.eval()
        for module in self.blocks.modules():
            if isinstance(module, nn.Dropout):  # only adapters have it
                module.train(mode)
        return self

    def _frozen(self) -> list[nn.Module]:
        num_blocks = len(self.blocks) if self.held else self.num_frozen
        return [self.embedding, *self.blocks[:num_blocks]] if num_blocks else []
