"""Which of several cooperating processes this is, before any of them can talk to the others."""

from __future__ import annotations

import os

_INTERACTIVE = ("bash", "interactive")
"""Names of SLURM jobs that are somebody's shell."""


def outer_rank() -> int | None:
    """Return the rank that torchrun or srun gave this process; None if neither started it."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return int(os.environ["RANK"])
    cooperating = int(os.environ.get("SLURM_NTASKS", "1")) > 1 and "SLURM_STEP_ID" in os.environ
    if cooperating and os.environ.get("SLURM_JOB_NAME") not in _INTERACTIVE:
        return int(os.environ.get("SLURM_PROCID", "0"))
    return None


def outer_size() -> int:
    """Return how many processes torchrun or srun started to cooperate with this one, itself included."""
    if outer_rank() is None:
        return 1
    return int(os.environ["WORLD_SIZE" if "TORCHELASTIC_RUN_ID" in os.environ else "SLURM_NTASKS"])


def own_rank() -> int:
    """Return the rank of this process, 0 if it is alone; also for the processes that Lightning starts."""
    outer = outer_rank()
    return int(os.environ.get("LOCAL_RANK", "0")) if outer is None else outer
