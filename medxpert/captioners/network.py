"""BLIP (Li et al., ICML 2022) as transformers has it, and a small one whose patches a few convolutions make."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.blip.configuration_blip import BlipConfig
from transformers.models.blip.modeling_blip import BlipForConditionalGeneration

_STRIDES = (4, 2, 2)


class Stage(nn.Module):
    """A strided convolution and a residual pair of 3x3 ones (He et al., CVPR 2016)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(channels, width, stride + 2, stride, padding=1, bias=False)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm, self.norm1, self.norm2 = (nn.BatchNorm2d(width) for _ in range(3))
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, width, H / stride, W / stride]."""
        x = F.relu(self.norm(self.shrink(x)))
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


class Stem(nn.Sequential):
    """Makes one token of each 16 x 16 pixels of a grey image, in place of BLIP's patch embedding."""

    def __init__(self, widths: list[int], out: int) -> None:
        stages = [Stage(*sizes) for sizes in zip((1, *widths), widths, _STRIDES, strict=False)]
        super().__init__(*stages, nn.Conv2d(widths[-1], out, 1))
        self.to(memory_format=torch.channels_last)

    @property
    def weight(self) -> Tensor:
        """The last layer's, whose dtype transformers asks for."""
        last: Any = self[-1]
        weight: Tensor = last.weight
        return weight

    def forward(self, pixels: Tensor) -> Tensor:
        """Map [B, 3, S, S] of equal channels to [B, out, S / 16, S / 16]."""
        return super().forward(pixels[:, :1])


class ConvolutionalBlip(BlipForConditionalGeneration):
    """BLIP with a `Stem`, whose widths stand in its configuration as `vision_config.stem_widths`."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__(config)
        vision: Any = config.vision_config
        embeddings: Any = self.vision_model.embeddings
        embeddings.patch_embedding = Stem(list(vision.stem_widths), vision.hidden_size)


def network_class(config: BlipConfig) -> type[BlipForConditionalGeneration]:
    """Return the class that a configuration describes."""
    return ConvolutionalBlip if getattr(config.vision_config, "stem_widths", None) else BlipForConditionalGeneration


def patch_of(widths: list[int]) -> int:
    """Return the side in pixels that becomes one token; the stem has as many strides as widths."""
    side = 1
    for stride in _STRIDES[: len(widths)]:
        side *= stride
    return side
