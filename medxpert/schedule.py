"""Learning-rate schedules as functions of the step."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from medxpert.errors import ConfigError


def cosine_factor(step: int, total_steps: int, warmup_steps: int, floor: float = 0.0) -> float:
    """Linear warm-up to 1, then half a cosine down to `floor` (Loshchilov and Hutter, ICLR 2017)."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.1, floor: float = 0.0) -> LambdaLR:
    """Schedule one cycle of `cosine_factor` over the whole training.

    Args:
        optimizer: what it drives.
        total_steps: optimizer steps of the training.
        warmup: share of the steps that warm up, in [0, 1).
        floor: last learning rate as a share of the peak, in [0, 1].

    Raises:
        ConfigError: a share is out of range.
    """
    if not (0 <= warmup < 1 and 0 <= floor <= 1):
        raise ConfigError(f"scheduler.warmup={warmup} must lie in [0, 1) and scheduler.floor={floor} in [0, 1]")
    return LambdaLR(optimizer, lambda step: cosine_factor(step, total_steps, round(warmup * total_steps), floor))
