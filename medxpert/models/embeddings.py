"""What turns pixels and token numbers into the first tokens of a transformer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture


class Pixels(nn.Module):
    """Scales grey levels as the image tower expects them, one channel per mean and deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.image_side = architecture.image_side
        self.register_buffer("mean", _column(architecture.mean), persistent=False)
        self.register_buffer("std", _column(architecture.std), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map grey levels 0..255, uint8 or float [B, S, S], to [B, C, S, S].

        Raises:
            ConfigError: the images have another side than the model.
        """
        return (self._scaled(pixels) - self.mean) / self.std

    def centred(self, pixels: Tensor) -> Tensor:
        """Map them to [B, 1, S, S], scaled to 0..1 and less the mean over all channels.

        Raises:
            ConfigError: the images have another side than the model.
        """
        return self._scaled(pixels) - self.mean.mean()

    def on_centred(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Turn the weights [W, C, h, w] of a layer over all channels into weights [W, 1, h, w] and a bias [W].

        Grey channels differ by a factor and a shift only: one of them, `centred`, says it all.
        """
        scaled = (weight / self.std).contiguous()  # sums then have one order, whatever the layout
        return scaled.sum(dim=1, keepdim=True), (scaled * (self.mean.mean() - self.mean)).sum(dim=(1, 2, 3))

    def _scaled(self, pixels: Tensor) -> Tensor:
        if pixels.shape[1:] != (self.image_side, self.image_side):
            raise ConfigError(
                f"this model reads [{self.image_side}, {self.image_side}] pixels, found {list(pixels.shape[1:])}; "
                "give model.image_side"
            )
        return pixels[:, None] / 255


class ImageEmbedding(nn.Module):
    """Cuts radiographs into square patches, one token each, behind one class token."""

    def __init__(self, architecture: Architecture, width: int) -> None:
        super().__init__()
        self.pixels = Pixels(architecture)
        self.patches = nn.Conv2d(len(architecture.mean), width, architecture.patch, architecture.patch, bias=False)
        self.class_token = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positions = nn.Parameter(torch.randn(architecture.num_image_tokens, width) * width**-0.5)
        self.norm = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map grey levels 0..255, uint8 or float [B, S, S], to tokens [B, L, W]."""
        weight, bias = self.pixels.on_centred(self.patches.weight)
        grid = F.conv2d(self.pixels.centred(pixels), weight, bias, self.patches.stride)
        tokens = grid.flatten(2).transpose(1, 2)
        first = self.class_token.expand(len(tokens), 1, -1).to(tokens.dtype)
        return self.norm(torch.cat([first, tokens], dim=1) + self.positions)


class TextEmbedding(nn.Module):
    """Looks tokens up and adds their positions."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.text.width
        self.tokens = nn.Embedding(architecture.vocab_size, width)
        self.positions = nn.Parameter(torch.randn(architecture.context_length, width) * 0.01)
        nn.init.normal_(self.tokens.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map int64 [B, L] to [B, L, W]."""
        return self.tokens(tokens) + self.positions[: tokens.shape[1]]


def _column(values: tuple[float, ...]) -> Tensor:
    # a real device, because a model that loads its weights is built on "meta"
    return torch.tensor(values, device="cpu")[:, None, None]
