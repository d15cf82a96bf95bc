"""Similarities of embeddings, as every contrastive loss sees them."""

from __future__ import annotations

import torch
from torch import Tensor


def scaled_cosines(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """Return float32 logits [B, C], whatever the precision of training: scale * cosine, in [-scale, scale].

    Args:
        image: unit rows [B, D].
        text: unit rows [C, D].
        scale: positive scalar, the inverse temperature.
    """
    # bf16 would round logits of 25 to steps of 0.125
    with torch.autocast(image.device.type, enabled=False):
        return scale.float() * image.float() @ text.float().T
