"""Parameter groups of an optimizer, and learning rates that fall from the top of each tower to its bottom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.optim import Optimizer

from medxpert.errors import ConfigError
from medxpert.models.freezing import FreezableTower

_FACTOR = "rate_factor"


def parameter_groups(module: nn.Module, layer_decay: float = 1.0) -> list[dict[str, Any]]:
    """Split what is trainable: the model's matrices get weight decay, vectors, scalars and the loss's own do not.

    In a tower of n blocks, block k gets layer_decay ** (n - k) of the learning rate and the embedding below them
    layer_decay ** (n + 1); everything else gets all of it (layer-wise decay of ELECTRA, Clark et al., ICLR 2020, with
    the exponents of BEiT, Bao et al., ICLR 2022).

    Args:
        module: holds the towers, and the loss under the name `loss` if it has parameters.
        layer_decay: factor in (0, 1]; 1 gives the two groups of decayed and other parameters.

    Returns:
        Groups for an optimizer, the full rate first. `scale_rates` applies their factors.

    Raises:
        ConfigError: layer_decay is out of range.
    """
    check_layer_decay(layer_decay)
    factors = dict(_factors(module, layer_decay))
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            decayed = parameter.ndim >= 2 and not name.startswith("loss.")
            groups.setdefault((factors.get(parameter, 1.0), decayed), []).append(parameter)
    return [_group(groups[key], *key) for key in sorted(groups, reverse=True)]


def check_layer_decay(layer_decay: float) -> None:
    """Refuse a factor that would stop, turn or raise the learning rate.

    Raises:
        ConfigError: it is outside (0, 1].
    """
    if not 0 < layer_decay <= 1:
        raise ConfigError(f"module.layer_decay={layer_decay} must lie in (0, 1]; 1 gives all layers the same rate")


def scale_rates(optimizer: Optimizer) -> None:
    """Multiply the rate of each group by its factor, once, before a schedule takes it for its peak.

    Raises:
        ConfigError: the optimizer has no rate to multiply.
    """
    for group in optimizer.param_groups:
        factor = group.pop(_FACTOR, 1.0)
        if factor == 1:
            continue
        if group.get("lr") is None:
            raise ConfigError("module.layer_decay needs an optimizer with a learning rate; set optimizer.lr=...")
        group["lr"] = group["lr"] * factor


def allow_clipping(optimizer: Optimizer) -> None:
    """Let gradients be clipped before a fused optimizer, which offers to undo their scaling itself, takes its step.

    Lightning refuses to clip under mixed precision where it sees that offer; without it, it undoes the scaling first.
    """
    if hasattr(optimizer, "_step_supports_amp_scaling"):
        optimizer._step_supports_amp_scaling = False


def _factors(module: nn.Module, layer_decay: float) -> Iterator[tuple[nn.Parameter, float]]:
    for tower in module.modules():
        if isinstance(tower, FreezableTower):
            for depth, part in enumerate([*reversed(tower.blocks), tower.embedding], start=1):
                yield from ((parameter, layer_decay**depth) for parameter in part.parameters())


def _group(parameters: list[nn.Parameter], factor: float, decayed: bool) -> dict[str, Any]:
    group: dict[str, Any] = {"params": parameters}
    if not decayed:
        group["weight_decay"] = 0.0
    if factor != 1:
        group[_FACTOR] = factor
    return group
