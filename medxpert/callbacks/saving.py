"""Checkpoints that an interrupted training goes on from."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins import TorchCheckpointIO

from medxpert.errors import ConfigError
from medxpert.folders import atomic_file
from medxpert.run import LAST


def how_to_go_on(folder: Path) -> str:
    """Say what to type after a training whose run is `folder` ended before its time."""
    if not (folder / LAST).is_file():
        return "no checkpoint was written yet: train again"
    run = folder.resolve()
    shown = run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run
    return f"go on with: python train.py resume={shown}"


def after_a_step(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Tell whether the optimizer has just made a step that no end of an epoch follows at once.

    Gradients that wait for more batches (`accumulate_grad_batches`) are in no checkpoint, and what is written behind
    an epoch's last batch would go on without that epoch's validation.
    """
    done = batch_idx + 1
    return done % trainer.accumulate_grad_batches == 0 and done != trainer.num_training_batches


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint beside its place and renames it: the one before stays until the new one is on disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            ConfigError: it cannot be written (disk full, no permission).
        """
        path = Path(path)
        try:
            with atomic_file(path) as sibling:
                sibling.parent.mkdir(parents=True, exist_ok=True)
                _write(checkpoint, sibling)
        except ConfigError as error:
            raise ConfigError(f"{error}; then {how_to_go_on(path.parents[1])}") from error


def _write(checkpoint: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        try:
            torch.save(checkpoint, file)
        except RuntimeError as error:  # torch hides why the file could not be written
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None
        file.flush()
        os.fsync(file.fileno())


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best checkpoint, also of a run that was moved before it went on."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the scores, and the paths below the folder where the run is now."""

        def here(path: str) -> str:
            return str(Path(self.dirpath or "") / Path(path).name) if path else path

        paths = {name: here(state_dict[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path")}
        scores = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "dirpath": self.dirpath, "best_k_models": scores})


class LastCheckpoint(ModelCheckpoint):
    """Writes last.ckpt every few minutes, in the middle of an epoch too.

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
        """Look at the clock behind a step."""
        if after_a_step(trainer, batch_idx):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the clock behind the validation that follows an epoch's last step."""
        super().on_train_batch_end(trainer, pl_module, None, None, 0)
