"""Weights between those that a fine-tuning started from and those that it led to."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medxpert.errors import ConfigError, DataError

_NUM_SHOWN = 4


def interpolate(start: Mapping[str, Tensor], adapted: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Mix two states of one model, (1 - share) * start + share * adapted (WiSE-FT, Wortsman et al., CVPR 2022).

    Running variances are mixed like weights, so they stay positive.

    Args:
        start: weights before the fine-tuning.
        adapted: weights after it, of the same names and shapes; what holds integers is taken from here.
        share: of the adapted weights, in [0, 1].

    Raises:
        ConfigError: share is out of range.
        DataError: the names or shapes differ.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"module.wise_ft={share} must lie in [0, 1]")
    differing = sorted(name for name in start.keys() | adapted.keys() if not _alike(start.get(name), adapted.get(name)))
    if differing:
        shown = ", ".join(differing[:_NUM_SHOWN])
        raise DataError(f"the starting and the adapted weights are of different models: {shown}")
    return {
        name: start[name].lerp(tensor, share) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in adapted.items()
    }


def _alike(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape
