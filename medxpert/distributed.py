"""What several processes need from one another; with one process every function is the identity."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


def world_size() -> int:
    """Number of cooperating processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def own_device() -> torch.device:
    """Return this process's share of the machine: its GPU by its place among the processes here, or the processor."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    place = os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or "0"
    return torch.device("cuda", int(place) % torch.cuda.device_count())


class _Gather(torch.autograd.Function):
    """All-gather whose backward sums, over the ranks, the gradients that each rank's loss sends to a rank's rows."""

    @staticmethod
    def forward(ctx: Any, local: Tensor) -> Tensor:
        counts = _counts(local)
        ctx.start, ctx.stop = sum(counts[: rank()]), sum(counts[: rank() + 1])
        # a collective moves equal shapes only
        padded = F.pad(local, (0, 0) * (local.ndim - 1) + (0, max(counts) - len(local)))
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded.contiguous())
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[ctx.start : ctx.stop]


def _counts(local: Tensor) -> list[int]:
    """Return how many rows each rank holds."""
    counts = local.new_empty(world_size(), dtype=torch.int64)
    dist.all_gather_into_tensor(counts, counts.new_tensor([len(local)]))
    return counts.tolist()


def gather_batch(local: Tensor) -> Tensor:
    """Stack every rank's rows [B, ...] into the global batch [sum of B, ...], in rank order, keeping gradients.

    Ranks may hold different numbers of rows. Each rank then computes the loss of the whole batch. DDP averages
    gradients over ranks, so the result equals one process on the whole batch.
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
