"""Pairwise sigmoid loss of SigLIP (Zhai et al., ICCV 2023)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medxpert.distributed import gather_batch
from medxpert.errors import ConfigError
from medxpert.losses.likeness import Likeness, gathered, same_text
from medxpert.losses.similarity import scaled_cosines


def sigmoid(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, ignored: Tensor | None = None) -> Tensor:
    """Negative log-likelihood, per study, of telling the pairs that belong together from all others.

    -1/B sum_ij log sigmoid(z_ij (scale image_i . text_j + bias)), z = 1 on the diagonal and -1 elsewhere.

    Args:
        image: unit rows [B, D].
        text: unit rows [B, D]; row i belongs to image i.
        scale: positive scalar, the inverse temperature.
        bias: scalar, the logit of orthogonal rows.
        ignored: bool [B, B], pairs left out of the sum.
    """
    logits = scaled_cosines(image, text, scale) + bias.float()
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    likelihoods = F.logsigmoid(torch.where(own, logits, -logits))
    if ignored is not None:
        likelihoods = likelihoods.masked_fill(ignored, 0.0)
    return -likelihoods.sum() / len(logits)


class Sigmoid(nn.Module):
    """`sigmoid` over the global batch of all processes, with a bias that is learned.

    Args:
        bias: where the learned bias starts; -10 makes nearly every pair a negative at first, as most are.
        same_text: leave out pairs of studies with the same normalised text.
    """

    def __init__(self, bias: float = -10.0, same_text: bool = False) -> None:
        """Check where the bias starts.

        Raises:
            ConfigError: bias is not finite.
        """
        super().__init__()
        if not math.isfinite(bias):
            raise ConfigError(f"loss.bias={bias} is not finite")
        self.bias = nn.Parameter(torch.tensor(float(bias)))
        self.same_text = same_text

    def forward(self, image: Tensor, text: Tensor, scale: Tensor, likeness: Likeness) -> Tensor:
        """Loss of unit rows image [B, D] and text [B, D] under a positive scalar scale; B studies."""
        ignored = same_text(gathered(likeness).texts).fill_diagonal_(False) if self.same_text else None
        return sigmoid(gather_batch(image), gather_batch(text), scale, self.bias, ignored)
