"""Contrastive loss with several positives: pairs that say the same are not negatives.

Soft cross-entropy in both directions, as in UniCL (Yang et al., CVPR 2022) and SupCon (Khosla et al., NeurIPS 2020).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medxpert.distributed import gather_batch
from medxpert.errors import ConfigError
from medxpert.losses.likeness import Likeness, gathered, jaccard, same_text
from medxpert.losses.similarity import scaled_cosines


class Goal(NamedTuple):
    """What the pairs of B studies should become.

    Attributes:
        targets: float32 [B, B], at least 0: how strongly pairs attract each other; every row and column has a positive
            one that is not ignored.
        ignored: bool [B, B], pairs that neither attract nor repel, whatever their target; None for no such pairs.
    """

    targets: Tensor
    ignored: Tensor | None = None


def multi_positive(logits: Tensor, goal: Goal) -> Tensor:
    """Mean of the cross-entropies of rows and columns of logits [B, B] with targets that sum to 1 in each of them."""
    targets, ignored = goal
    if ignored is not None:
        # a target of 0 times the logarithm of a true 0 would be NaN
        logits = logits.masked_fill(ignored, torch.finfo(logits.dtype).min)
        targets = targets.masked_fill(ignored, 0.0)
    rows = F.cross_entropy(logits, targets / targets.sum(dim=1, keepdim=True))
    columns = F.cross_entropy(logits.T, (targets / targets.sum(dim=0)).T)
    return (rows + columns) / 2


def goal_of(likeness: Likeness, by_text: bool, soft: float, ignored: float | None) -> Goal:
    """Decide which pairs of B studies attract, and how strongly, and which are left out.

    A study's own pair has target 1.

    Args:
        likeness: what the studies say.
        by_text: give pairs of the same text target 1.
        soft: the target of other pairs, in [0, 1], per Jaccard index of their positive labels.
        ignored: the least such index, in (0, 1], of pairs without target 1 that are left out; None leaves out none.
    """
    positive = torch.eye(len(likeness.texts), dtype=torch.bool, device=likeness.texts.device)
    if by_text:
        positive = same_text(likeness.texts)
    if not soft and ignored is None:
        return Goal(positive.float())
    index = jaccard(likeness.labels)
    targets = (soft * index).masked_fill(positive, 1.0)
    return Goal(targets, None if ignored is None else (index >= ignored) & ~positive)


class MultiPositive(nn.Module):
    """`multi_positive` over the global batch of all processes; with every option off it is InfoNCE.

    Args:
        same_text: pairs of studies with the same normalised text are positives.
        soft: target of other pairs per Jaccard index of their positive labels (`metrics.labels.jaccard`), in [0, 1];
            a positive has 1.
        ignored: the least Jaccard index, in (0, 1], at which pairs that are no positives are left out of the
            softmax; `soft` then only acts below it. None leaves out none.
    """

    def __init__(self, same_text: bool = True, soft: float = 0.0, ignored: float | None = None) -> None:
        """Check the weights.

        Raises:
            ConfigError: soft outside [0, 1] or ignored outside (0, 1].
        """
        super().__init__()
        if not 0 <= soft <= 1:
            raise ConfigError(f"loss.soft={soft} lies outside [0, 1]")
        if ignored is not None and not 0 < ignored <= 1:
            raise ConfigError(f"loss.ignored={ignored} lies outside (0, 1]")
        self.same_text, self.soft, self.ignored = same_text, soft, ignored

    def forward(self, image: Tensor, text: Tensor, scale: Tensor, likeness: Likeness) -> Tensor:
        """Loss of unit rows image [B, D] and text [B, D] under a positive scalar scale; B studies."""
        logits = scaled_cosines(gather_batch(image), gather_batch(text), scale)
        return multi_positive(logits, goal_of(gathered(likeness), self.same_text, self.soft, self.ignored))
