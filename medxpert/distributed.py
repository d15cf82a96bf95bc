"""What several processes need from one another; with one process every function is the identity."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of cooperating processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


class _Gather(torch.autograd.Function):
    """All-gather whose backward sums, over the ranks, the gradients that each rank's loss sends to a rank's rows."""

    @staticmethod
    def forward(ctx: Any, local: Tensor) -> Tensor:
        ctx.rows = len(local)
        parts = [torch.empty_like(local) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, local.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        start = dist.get_rank() * ctx.rows
        return gradient[start : start + ctx.rows]


def gather_batch(local: Tensor) -> Tensor:
    """Stack every rank's rows [B, D] into the global batch [R * B, D], in rank order, keeping gradients.

    Each rank then computes the loss of the whole batch. DDP averages gradients over ranks, so the result equals one
    process on the whole batch. Every rank must hold the same number of rows.
    """
    return _Gather.apply(local) if world_size() > 1 else local


def gather_objects(local: Any) -> list[Any]:
    """Return every rank's object, in rank order; sizes may differ."""
    if world_size() == 1:
        return [local]
    gathered: list[Any] = [None] * world_size()
    dist.all_gather_object(gathered, local)
    return gathered


def leave_group() -> None:
    """End the cooperation, so that the next job of a sweep can begin its own."""
    if world_size() > 1:
        # A process that leaves while another still sends can abort in gloo's threads.
        dist.barrier()
        dist.destroy_process_group()
