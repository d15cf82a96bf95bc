"""What this machine can do at most: the matrix products and the memory that bound every row of the speed study."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

_SECONDS = 0.8
"""How long a limit is looked for; the best that was seen counts, for whatever else runs can only take away from it."""
_TOO_LONG = 0.2
"""Seconds of one product beyond which no larger one is tried."""
_SIDES = (256, 512, 1024, 2048)
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
"""Instructions that decide how fast a matrix product is, as Linux calls them."""


class Hardware(NamedTuple):
    """What the figures depend on. It tells nobody which machine it was."""

    cores: int
    """Physical ones that this process may use."""
    threads: int
    """That a matrix product takes."""
    instructions: tuple[str, ...]
    memory_gb: int
    torch: str

    def __str__(self) -> str:
        bf16 = "" if any("bf16" in one for one in self.instructions) else ", no bf16 instructions"
        return (
            f"{self.cores} cores ({', '.join(self.instructions)}{bf16}), {self.memory_gb} GB, "
            f"{self.threads} threads on both sides, torch {self.torch}"
        )


@cache
def matmul_gflops(dtype: str) -> float:
    """Return the best rate of a square matrix product in billions of operations a second, for "float32", "bfloat16"...

    The larger one of torch's and, for float32 and float64, numpy's: each brings a library of its own.
    """
    import torch

    tensors = [torch.ones(side, side, dtype=getattr(torch, dtype)) for side in _SIDES]
    best = _best_product([lambda one=one: one @ one for one in tensors])
    if dtype in ("float32", "float64"):
        arrays = [one.numpy() for one in tensors]
        best = max(best, _best_product([lambda one=one: one @ one for one in arrays]))
    return best / 1e9


@cache
def bandwidth_gb_per_second() -> float:
    """Return the best rate at which arrays far larger than any cache are read, or read and written, in GB a second."""
    import torch

    source = torch.ones(2**17, 512)
    target, vector = torch.empty_like(source), torch.ones(512)
    num_bytes = source.nbytes
    ways: list[tuple[int, Callable[[], object]]] = [
        (num_bytes, lambda: torch.mv(source, vector)),
        (num_bytes, source.sum),
        (2 * num_bytes, lambda: target.copy_(source)),
    ]
    return max(size / _least_seconds(way, _SECONDS / len(ways)) for size, way in ways) / 1e9


def hardware() -> Hardware:
    """Return what the head of the table says."""
    import torch

    flags = _processor("flags") or _processor("Features")
    words = set(flags[0].split()) if flags else set()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    known = tuple(one for one in _FLAGS if one in words)
    return Hardware(cores(), torch.get_num_threads(), known, round(memory / 2**30), torch.__version__)


def cores() -> int:
    """Count the physical cores that this process may use."""
    places = set(zip(_processor("physical id"), _processor("core id"), strict=False))
    allowed = len(os.sched_getaffinity(0))
    return min(len(places), allowed) if places else allowed


def _processor(key: str) -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == key]


def _best_product(products: list[Callable[[], object]]) -> float:
    """Return operations a second, of the largest products that the time allows."""
    best = 0.0
    for side, product in zip(_SIDES, products, strict=True):
        product()
        seconds = _least_seconds(product, _SECONDS / len(_SIDES))
        best = max(best, 2 * side**3 / seconds)
        if seconds > _TOO_LONG:
            break  # emulated arithmetic: the next one would take minutes
    return best


def _least_seconds(work: Callable[[], object], budget: float) -> float:
    taken: list[float] = []
    while sum(taken) < budget:
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return float(np.min(taken))
