"""The checkpoint that an interrupted training goes on from."""

from __future__ import annotations

from datetime import timedelta

from pytorch_lightning.callbacks import ModelCheckpoint

from medxpert.errors import ConfigError


class LastCheckpoint(ModelCheckpoint):
    """Writes last.ckpt every few minutes, in the middle of an epoch too; the one before stays until it is whole.

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
