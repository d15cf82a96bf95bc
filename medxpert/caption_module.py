"""The Lightning module of captioners: model, teacher-forced loss, optimizer. No metric, no file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from medxpert.captioners.model import CaptionModel, Told
from medxpert.data.batch import Batch
from medxpert.errors import ConfigError, DataError
from medxpert.ontology import MISSING, OBSERVATIONS, POSITIVE, UNCERTAIN
from medxpert.rates import allow_clipping, parameter_groups, scale_rates


class CaptionModule(pl.LightningModule):
    """Trains a captioner to write each study's text, the true words before each word given.

    An image side that starts from random weights learns slowly from words alone. It may therefore learn the report's
    observations, too, by a linear layer on the mean and the maximum of its tokens that is not exported.

    Args:
        model: the captioner; frozen parameters stay as they are.
        optimizer: makes an optimizer from parameter groups.
        scheduler: makes a per-step schedule from (optimizer, total_steps); None keeps the rate constant.
        label_weight: of the mean cross-entropy of the observations beside that of the words, at least 0.

    Raises:
        ConfigError: the weight is negative or not finite.
    """

    def __init__(
        self,
        model: CaptionModel,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        scheduler: Callable[[Optimizer, int], LRScheduler] | None = None,
        label_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= label_weight < math.inf:
            raise ConfigError(f"chain.label_weight={label_weight} must be at least 0")
        self.model = model
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._label_weight = label_weight
        width = model.network.vision_model.post_layernorm.weight.numel()
        self.labels = nn.Linear(2 * width, len(OBSERVATIONS)) if label_weight else None

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the loss of one batch.

        Raises:
            DataError: the loss is not finite; names the step and the studies.
        """
        told = self._told(batch)
        of_labels = self._label_loss(told.image, batch.labels)
        loss = told.loss + self._label_weight * of_labels
        if not torch.isfinite(loss):
            raise DataError(self._diverged(loss, batch))
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch.rows))
        self.log_dict({"train/words": told.loss, "train/labels": of_labels})
        self.log("train/lr", self.trainer.optimizers[0].param_groups[0]["lr"])
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the words' loss of one batch, and log the mean over the split."""
        loss = self._told(batch).loss
        self.log("val/loss", loss, batch_size=len(batch.rows), sync_dist=True)
        return loss

    def _told(self, batch: Batch) -> Told:
        told: Told = self.model(batch.pixels, batch.tokens[batch.text_of])
        return told

    def _label_loss(self, image: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy of the observations that are known; one not mentioned beside others is 0."""
        if self.labels is None:
            return image.new_zeros(())
        labelled = (labels != MISSING).any(dim=1, keepdim=True)
        known = (labels != UNCERTAIN) & labelled
        scores = self.labels(torch.cat([image.mean(dim=1), image.amax(dim=1)], dim=1))
        losses = F.binary_cross_entropy_with_logits(scores, (labels == POSITIVE).to(scores), reduction="none")
        return (losses * known).sum() / known.sum().clamp(min=1)

    def _diverged(self, loss: Tensor, batch: Batch) -> str:
        ids = self.trainer.datamodule.study_ids("train", batch.rows.tolist())  # type: ignore[attr-defined]
        return (
            f"the loss is {loss.item()} at step {self.global_step}; lower optimizer.lr or look at the batch's "
            f"studies: {', '.join(ids)}"
        )

    def configure_optimizers(self) -> Any:
        """Build the optimizer over what is trainable, and its schedule.

        Raises:
            ConfigError: the optimizer refuses its arguments.
        """
        try:
            optimizer = self._optimizer(parameter_groups(self))
        except ValueError as error:
            raise ConfigError(f"optimizer: {error}") from error
        scale_rates(optimizer)
        allow_clipping(optimizer)
        if self._scheduler is None:
            return optimizer
        schedule = self._scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
