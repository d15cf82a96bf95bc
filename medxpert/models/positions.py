"""Text positions for longer texts than the weights were trained with."""

from __future__ import annotations

import torch
from torch import Tensor

from medxpert.errors import ConfigError

KEPT = 20
"""First positions that stay: most captions are no longer, so these are the well trained ones."""


def fit_positions(positions: Tensor, length: int) -> Tensor:
    """Stretch or cut text positions (Long-CLIP, Zhang et al., ECCV 2024).

    The first `KEPT` stay, the rest is interpolated linearly so that L - KEPT positions become length - KEPT, and what
    lies behind the last one goes on in its direction. A cut changes no text that fits, because the tower is causal.

    Args:
        positions: [L, W].
        length: positions wanted, at least 2.

    Returns:
        [length, W].

    Raises:
        ConfigError: L is too small to be stretched.
    """
    found = len(positions)
    if length <= found:
        return positions[:length].clone()
    if found < KEPT + 2:
        raise ConfigError(
            f"model.context_length={length}: the weights have {found} positions, too few to be stretched; "
            f"give model.context_length={found} or less"
        )
    places = KEPT + torch.arange(length - KEPT, device=positions.device) * (found - KEPT) / (length - KEPT)
    left = places.long().clamp(max=found - 2)
    rest = positions[left] + (places - left)[:, None] * (positions[left + 1] - positions[left])
    return torch.cat([positions[:KEPT], rest])
