"""Towers whose first blocks can be frozen."""

from __future__ import annotations

from typing import Self

from torch import nn

from medxpert.errors import ConfigError


class FreezableTower(nn.Module):
    """An embedding and blocks above it, frozen from the bottom up.

    Args:
        name: "image" or "text", for messages.
        embedding: maps inputs to what the first block takes.
        blocks: in their order.
    """

    def __init__(self, name: str, embedding: nn.Module, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.name = name
        self.num_frozen = 0
        self.held = False
        self.embedding = embedding
        self.blocks = blocks

    def freeze(self, num_blocks: int) -> None:
        """Freeze the embedding and the first blocks for good; 0 leaves everything trainable.

        Nothing below the first trainable block is stored for the backward pass, since neither its weights nor its
        inputs ask for a gradient.

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
