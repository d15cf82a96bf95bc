"""A small convolutional image tower, which learns from far fewer images than a transformer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medxpert.models.architecture import Architecture, Convolutional
from medxpert.models.embeddings import Pixels
from medxpert.models.freezing import FreezableTower
from medxpert.models.normalisation import BatchNorm


class ConvolutionBlock(nn.Module):
    """A strided convolution and a residual pair of 3x3 ones (He et al., CVPR 2016), each batch-normalised."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(channels, width, stride + 2, stride, padding=1, bias=False)
        self.norm1 = BatchNorm(width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = BatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm3 = BatchNorm(width, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, width, H / stride, W / stride]."""
        x = F.relu(self.norm1(self.shrink(x)))
        return F.relu(x + self.norm3(self.conv2(F.relu(self.norm2(self.conv1(x))))))


class ConvolutionalTower(FreezableTower):
    """Blocks, a few values per cell of the last grid, and one projection of all cells, so that places stay apart."""

    def __init__(self, architecture: Architecture, size: Convolutional) -> None:
        channels = (len(architecture.mean), *size.widths)
        strides = size.strides
        blocks = nn.ModuleList(ConvolutionBlock(*sizes) for sizes in zip(channels, size.widths, strides, strict=False))
        super().__init__("image", Pixels(architecture), blocks)
        num_values = size.cell_width * (architecture.image_side // size.patch) ** 2
        self.cells = nn.Conv2d(size.widths[-1], size.cell_width, 1)
        self.projection = nn.Parameter(torch.randn(num_values, architecture.embed_dim) * num_values**-0.5)
        self.standard = BatchNorm(architecture.embed_dim, gain=None)
        self.to(memory_format=torch.channels_last)

    def above(self, x: Tensor, places: Tensor | None = None) -> Tensor:
        """Map what `below` returns to unit float32 rows [B, D]; all places are read."""
        x = self._through(self.blocks[self.num_below :], self._entered(x))
        rows = self.cells(x).flatten(1) @ self.projection
        return F.normalize(self.standard(rows.float()), dim=-1)

    def _frozen_through(self, blocks: Iterable[nn.Module], x: Tensor, places: Tensor | None) -> Tensor:
        return self._through(blocks, x)

    def _through(self, blocks: Iterable[nn.Module], x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        for block in blocks:
            x = block(x)
        return x
