"""Batch normalisation with the names and dtypes of an exported model."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Standardises each channel over the batch, and by running statistics in evaluation (Ioffe and Szegedy, 2015).

    At the end of a tower it keeps a contrastive training from scratch out of its first trap, where all outputs lie
    together: outputs of variance 1 cannot.

    Args:
        width: channels C.
        gain: where the learnt gain per channel starts, its shift starting at 0; None learns neither.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int, gain: float | None = 1.0) -> None:
        super().__init__()
        self.weight = None if gain is None else nn.Parameter(torch.full((width,), gain))
        self.bias = None if gain is None else nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C] or [B, C, H, W] to the same shape; a batch of one is left to the running statistics."""
        by_batch = self.training and len(x) > 1
        return F.batch_norm(x, self.mean, self.variance, self.weight, self.bias, training=by_batch)
