"""An average of the weights over the steps, which is validated, saved and exported in their place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging
from pytorch_lightning.strategies import FSDPStrategy, ModelParallelStrategy
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from medxpert.errors import ConfigError


def decay_after(num_updates: float, decay: float) -> float:
    """Return how much of an average stays at its next update: (1 + n) / (10 + n), at most `decay`.

    So a short training forgets its first steps too (TensorFlow's `ExponentialMovingAverage`).
    """
    return min(decay, (1 + num_updates) / (10 + num_updates))


class MovingAverage(WeightAveraging):
    """Keeps an exponential moving average of weights and batch statistics beside those that are trained.

    Validation uses the average, a checkpoint's `state_dict` holds it, and the model has it when training ends; the
    trained weights stand beside it in the checkpoint, so that training goes on from there. The average begins with the
    weights after the first step.

    Args:
        decay: share of the average that stays at each step in a long training, in [0, 1).

    Raises:
        ConfigError: decay is out of range.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"callbacks.ema.decay={decay} must lie in [0, 1)")
        super().__init__()
        self._decay = decay

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Copy the module to where it will be trained; it gets there only after this hook.

        Raises:
            ConfigError: the strategy divides the weights among the processes.
        """
        if isinstance(trainer.strategy, FSDPStrategy | ModelParallelStrategy):
            raise ConfigError("callbacks=ema needs all weights in every process; choose another trainer=, such as ddp")
        if stage == "fit":
            self._average_model = AveragedModel(
                pl_module,
                trainer.strategy.root_device,
                multi_avg_fn=partial(_update, self._decay),
                use_buffers=True,
            )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let what is frozen share its memory with the average, and so its place in checkpoints."""
        averages = cast(AveragedModel, self._average_model).module.parameters()
        for average, current in zip(averages, pl_module.parameters(), strict=True):
            if not current.requires_grad:
                average.data = current.data

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Forget the average, which the module has by now: another validation measures the module as it is."""
        self._average_model = None


def _update(decay: float, averages: Sequence[Tensor], currents: Sequence[Tensor], num_updates: Tensor | int) -> None:
    get_ema_multi_avg_fn(decay_after(float(num_updates), decay))(tuple(averages), tuple(currents), num_updates)
