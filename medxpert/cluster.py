"""The place of this process among the tasks of a SLURM job."""

from __future__ import annotations

import os

from pytorch_lightning.plugins.environments import SLURMEnvironment

from medxpert.errors import ConfigError


def tasks_of_srun() -> SLURMEnvironment:
    """Let every task that srun started be one process of the training.

    Lightning's own requeueing stays off: it would write a second kind of checkpoint. A job that SLURM starts again
    goes on from checkpoints/last.ckpt.

    Raises:
        ConfigError: srun did not start this process, so the others that it would wait for never come.
    """
    if "SLURM_STEP_ID" not in os.environ:
        raise ConfigError(
            "trainer=slurm: not started by srun; write 'srun python train.py ...' in the batch script, "
            "or choose trainer=ddp on one machine"
        )
    return SLURMEnvironment(auto_requeue=False)
