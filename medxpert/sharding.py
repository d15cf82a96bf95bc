"""Weights and optimizer states divided among the processes, for models that one device can hold but not train."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer

from medxpert.distributed import world_size
from medxpert.errors import ConfigError
from medxpert.models.clip import CLIP


def adamw(
    params: list[dict[str, Any]],
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    fused: bool | None = None,
) -> Optimizer:
    """Make AdamW that keeps each state in one process only (ZeRO stage 1, Rajbhandari et al., SC 2020).

    The steps are those of `torch.optim.AdamW`, whose arguments these are. One process keeps all.

    Raises:
        ConfigError: the weights are divided already.
    """
    if any(isinstance(one, DTensor) for group in params for one in group["params"]):
        raise ConfigError("optimizer=adamw_sharded: trainer=fsdp divides the state already; choose optimizer=adamw")
    settings: dict[str, Any] = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "fused": fused}
    if world_size() == 1:
        return AdamW(params, **settings)
    return ZeroRedundancyOptimizer(params, AdamW, **settings)


def shard(model: CLIP, mesh: DeviceMesh) -> None:
    """Divide each block, and what is around the blocks of each tower, among the processes of a mesh.

    The scale of the similarities stays whole: every process computes the loss of the global batch, and so the same
    gradient for it. The last block is read for one token only, outside its `forward`, and so goes with the tower.
    """
    for tower in (model.image, model.text):
        if not isinstance(tower, FSDPModule):
            tower.to(memory_format=torch.contiguous_format)
            for block in tower.blocks[:-1]:
                fully_shard(block, mesh=mesh)
            fully_shard(tower, mesh=mesh)
