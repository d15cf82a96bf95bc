"""The checkpoint that an interrupted training goes on from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from medxpert.errors import ConfigError


class LastCheckpoint(ModelCheckpoint):
    """Writes last.ckpt every few minutes, in the middle of an epoch too; the one before stays until it is whole.

    Gradients that wait for more batches (`accumulate_grad_batches`) are in no checkpoint, so none is written then.

    Args:
        dirpath: folder of the checkpoints.
        minutes: between two of them; 0 writes one after every step.

    Raises:
        ConfigError: minutes is negative.
    """

    def __init__(self, dirpath: str, minutes: float = 10.0) -> None:
        if minutes < 0:
            raise ConfigError(f"callbacks.last.minutes={minutes} must be at least 0")
        super().__init__(
            dirpath,
            filename=self.CHECKPOINT_NAME_LAST,
            train_time_interval=timedelta(minutes=minutes),
            enable_version_counter=False,
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the clock where the optimizer has just made a step."""
        done = batch_idx + 1
        if done % trainer.accumulate_grad_batches == 0 or done == trainer.num_training_batches:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
