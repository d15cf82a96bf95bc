"""Symmetric InfoNCE, the loss of CLIP (Radford et al., ICML 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medxpert.distributed import gather_batch
from medxpert.errors import ConfigError
from medxpert.losses.likeness import Likeness
from medxpert.losses.similarity import scaled_cosines


def info_nce(image: Tensor, text: Tensor, scale: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean of the image-to-text and text-to-image cross-entropies of scaled cosine similarities.

    Args:
        image: unit rows [B, D].
        text: unit rows [B, D]; row i belongs to image i.
        scale: positive scalar, the inverse temperature.
        smoothing: share of the target spread evenly over the batch, in [0, 1).

    Returns:
        Scalar loss; ln B when all similarities are equal.
    """
    logits = scaled_cosines(image, text, scale)
    target = torch.arange(len(logits), device=logits.device)
    rows = F.cross_entropy(logits, target, label_smoothing=smoothing)
    columns = F.cross_entropy(logits.T, target, label_smoothing=smoothing)
    return (rows + columns) / 2


class InfoNCE(nn.Module):
    """`info_nce` over the global batch of all processes."""

    def __init__(self, smoothing: float = 0.0) -> None:
        """Check the share of label smoothing.

        Raises:
            ConfigError: smoothing outside [0, 1).
        """
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ConfigError(f"loss.smoothing={smoothing} lies outside [0, 1)")
        self.smoothing = smoothing

    def forward(self, image: Tensor, text: Tensor, scale: Tensor, likeness: Likeness) -> Tensor:
        """Loss of unit rows image [B, D] and text [B, D] under a positive scalar scale; likeness is ignored."""
        return info_nce(gather_batch(image), gather_batch(text), scale, self.smoothing)
