"""Stops every rank behind the same step when a signal has asked one of them to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn

from medxpert.callbacks.saving import after_a_step
from medxpert.distributed import world_size
from medxpert.run import LAST


class Stopped(Exception):
    """All ranks stopped behind the same step."""


class Wish:
    """What the signal handlers and the training loop tell each other.

    Attributes:
        asked: a signal asked for the end.
        warning: number of a cluster's warning that did, of any rank; 0 for none.
        stepping: a step ends soon, so that the end can wait for it.
        folder: of the run.
    """

    asked = False
    warning = 0
    stepping = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder


class StopBehindStep(Checkpoint):
    """Stops every rank behind the same step as soon as one of them is asked to, and writes last.ckpt there.

    Behind the last step of an epoch the validation comes first. It counts among the checkpoint callbacks because
    these come last: what it stops is complete.
    """

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._group: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From here on the end waits for a step."""
        self._wish.stepping = True
        self._wish.folder = Path(trainer.strategy.broadcast(str(self._wish.folder)))  # the first rank's
        # apart from the accelerator's own group: a decision of the host need not wait for the device
        self._group = dist.new_group(backend="gloo") if world_size() > 1 else None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look whether to stop."""
        if after_a_step(trainer, batch_idx):
            self._stop_if_asked(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look whether to stop."""
        self._stop_if_asked(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """No step follows."""
        self._wish.stepping = False
        self._stop_if_asked(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """No step ends soon."""
        self._wish.stepping = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Steps follow, unless it was no part of a training."""
        self._wish.stepping = trainer.state.fn == TrainerFn.FITTING

    def _stop_if_asked(self, trainer: pl.Trainer) -> None:
        wish = torch.tensor([int(self._wish.asked), self._wish.warning])
        if self._group is not None:
            dist.all_reduce(wish, dist.ReduceOp.MAX, group=self._group)
        asked, warning = wish.tolist()
        if asked:
            self._wish.warning = warning
            trainer.save_checkpoint(self._wish.folder / LAST, weights_only=False)
            raise Stopped
