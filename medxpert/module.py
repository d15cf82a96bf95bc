"""The Lightning module: encoder, loss and optimizer of one contrastive training. No metric, no file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from medxpert.data.batch import Batch, Embedded
from medxpert.errors import ConfigError, DataError
from medxpert.models.clip import CLIP

MAX_SCALE = 100.0
"""Largest inverse temperature, as in CLIP."""


class ContrastiveModule(pl.LightningModule):
    """Trains a CLIP on batches of studies.

    Where a batch has two images or two texts of each study, the loss is the mean over their combinations (as in
    CXR-CLIP, You et al., MICCAI 2023, without its terms between images or between texts). Each combination contrasts
    whole studies, so no two images or texts of one study are ever negatives.

    Args:
        model: the encoder; frozen parameters stay as they are.
        loss: takes unit image rows [B, D], unit text rows [B, D] and a positive scalar scale.
        optimizer: makes an optimizer from parameter groups.
        scheduler: makes a per-step schedule from (optimizer, total_steps); None keeps the rate constant.
    """

    def __init__(
        self,
        model: CLIP,
        loss: nn.Module,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        scheduler: Callable[[Optimizer, int], LRScheduler] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self._optimizer = optimizer
        self._scheduler = scheduler

    def embed(self, batch: Batch) -> Embedded:
        """Embed B studies; a text that several share is encoded once."""
        text = self.model.encode_text(batch.tokens)
        return Embedded(self.model.encode_image(batch.pixels), text[batch.text_of], batch.rows)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the loss of one batch.

        Raises:
            DataError: the loss is not finite; names the step and the studies.
        """
        self._clamp_scale()
        scale = self.model.logit_scale.exp()
        pairs = list(product(self._images(batch), self._texts(batch)))
        loss = torch.stack([self.loss(image, text, scale) for image, text in pairs]).mean()
        if not torch.isfinite(loss):
            raise DataError(self._diverged(loss, batch))
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch.rows))
        self.log_dict({"train/scale": scale, "train/lr": self.trainer.optimizers[0].param_groups[0]["lr"]})
        return loss

    def _images(self, batch: Batch) -> Sequence[Tensor]:
        """Return the unit rows [B, D] of each study's image, or of its two images."""
        if batch.second_pixels is None:
            return (self.model.encode_image(batch.pixels),)
        return self.model.encode_image(torch.cat([batch.pixels, batch.second_pixels])).chunk(2)

    def _texts(self, batch: Batch) -> Sequence[Tensor]:
        """Return the unit rows [B, D] of each study's text, or of its two texts."""
        unique = self.model.encode_text(batch.tokens)
        return [unique[of] for of in (batch.text_of, batch.second_text_of) if of is not None]

    @torch.no_grad()
    def _clamp_scale(self) -> None:
        self.model.logit_scale.clamp_(max=math.log(MAX_SCALE))

    def _diverged(self, loss: Tensor, batch: Batch) -> str:
        ids = self.trainer.datamodule.study_ids("train", batch.rows.tolist())  # type: ignore[attr-defined]
        return (
            f"the loss is {loss.item()} at step {self.global_step}; lower optimizer.lr or look at the batch's "
            f"studies: {', '.join(ids)}"
        )

    def validation_step(self, batch: Batch, batch_index: int) -> Embedded:  # type: ignore[override]
        """Return the batch's embeddings for the callbacks that measure."""
        return self.embed(batch)

    def configure_optimizers(self) -> Any:
        """Build the optimizer over what is trainable, and its schedule."""
        try:
            optimizer = self._optimizer(parameter_groups(self.model))
        except ValueError as error:
            raise ConfigError(f"optimizer: {error}") from error
        if self._scheduler is None:
            return optimizer
        schedule = self._scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Split the trainable parameters: matrices are decayed, vectors and scalars are not."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    vectors = [parameter for parameter in trainable if parameter.ndim < 2]
    matrices = [parameter for parameter in trainable if parameter.ndim >= 2]
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
