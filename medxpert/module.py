"""The Lightning module: encoder, loss and optimizer of one contrastive training. No metric, no file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.checkpoint import checkpoint

from medxpert.data.batch import Batch, Embedded
from medxpert.errors import ConfigError, DataError
from medxpert.losses.likeness import Likeness
from medxpert.models.clip import CLIP
from medxpert.models.freezing import FreezableTower
from medxpert.models.normalisation import BatchNorm
from medxpert.rates import allow_clipping, check_layer_decay, parameter_groups, scale_rates
from medxpert.sharding import shard

MAX_SCALE = 100.0
"""Largest inverse temperature, as in CLIP."""


class _View(NamedTuple):
    """One image or one text of each of B studies: unit rows [B, D], and what the studies say."""

    rows: Tensor
    likeness: Likeness


class ContrastiveModule(pl.LightningModule):
    """Trains a CLIP on batches of studies.

    Where a batch has two images or two texts of each study, the loss is the mean over their combinations, and the two
    images and the two texts may be contrasted with each other as well (CXR-CLIP, You et al., MICCAI 2023). Each term
    contrasts whole studies, so no two images or texts of one study are ever negatives.

    Args:
        model: the encoder; frozen parameters stay as they are.
        loss: takes unit rows [B, D] of both sides, a positive scalar scale and the studies' likeness.
        optimizer: makes an optimizer from parameter groups.
        scheduler: makes a per-step schedule from (optimizer, total_steps); None keeps the rate constant.
        image_image: weight of the term between the two images of a study; needs `loader.images=two`.
        text_text: weight of the term between its two texts; needs `loader.text=two_sections`.
        layer_decay: factor on the learning rate from each block to the one below, in (0, 1].
        wise_ft: share of the adapted weights in what is exported, in (0, 1], the rest being the starting ones (WiSE-FT,
            Wortsman et al., CVPR 2022); None and 1 export the adapted ones.

    Raises:
        ConfigError: a weight, factor or share is out of range.
    """

    def __init__(
        self,
        model: CLIP,
        loss: nn.Module,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        scheduler: Callable[[Optimizer, int], LRScheduler] | None = None,
        image_image: float = 0.0,
        text_text: float = 0.0,
        layer_decay: float = 1.0,
        wise_ft: float | None = None,
    ) -> None:
        super().__init__()
        for name, weight in (("image_image", image_image), ("text_text", text_text)):
            if not 0 <= weight < math.inf:
                raise ConfigError(f"module.{name}={weight} must be at least 0")
        check_layer_decay(layer_decay)
        if wise_ft is not None and not 0 < wise_ft <= 1:
            raise ConfigError(f"module.wise_ft={wise_ft} lies outside (0, 1]")
        if wise_ft is not None and model.stage == "untrained":
            raise ConfigError(
                f"module.wise_ft={wise_ft} mixes with the starting weights, which are random; "
                "give model.weights= or pretrain="
            )
        self.model = model
        self.loss = loss
        self.wise_ft = wise_ft
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._image_image, self._text_text, self._layer_decay = image_image, text_text, layer_decay

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
        terms = self._terms(self._images(batch), self._texts(batch))
        loss = torch.stack([weight * term for weight, term in terms.values()]).sum()
        if not torch.isfinite(loss):
            raise DataError(self._diverged(loss, batch))
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch.rows))
        if len(terms) > 1:
            self.log_dict({f"train/{name}": term for name, (_, term) in terms.items()})
        lr = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log_dict({"train/scale": self.model.logit_scale.exp(), "train/lr": lr})
        return loss

    def _terms(self, images: Sequence[_View], texts: Sequence[_View]) -> dict[str, tuple[float, Tensor]]:
        """Return the weight and the value of every term of the loss.

        Between two images, or two texts, studies say the same if any of their texts do.
        """
        any_text = Likeness(torch.stack([text.likeness.texts for text in texts], dim=1), texts[0].likeness.labels)
        scale = self.model.logit_scale.exp()
        pairs = [self.loss(image.rows, text.rows, scale, text.likeness) for image, text in product(images, texts)]
        terms = {"image_text": (1.0, torch.stack(pairs).mean())}
        for name, weight, views in (
            ("image_image", self._image_image, images),
            ("text_text", self._text_text, texts),
        ):
            if weight:
                terms[name] = (weight, self.loss(views[0].rows, views[1].rows, scale, any_text))
        return terms

    def _images(self, batch: Batch) -> Sequence[_View]:
        """Return the image of each study, or its two images."""
        likeness = Likeness(batch.text_ids[batch.text_of], batch.labels)
        pixels = batch.pixels if batch.second_pixels is None else torch.cat([batch.pixels, batch.second_pixels])
        states = batch.image_states
        if states is not None and batch.second_image_states is not None:
            states = torch.cat([states, batch.second_image_states])
        rows = self._encode(self.model.image, pixels, states)
        return [_View(view, likeness) for view in rows.split(len(batch.rows))]

    def _texts(self, batch: Batch) -> Sequence[_View]:
        """Return the text of each study, or its two texts."""
        unique = self._encode(self.model.text, batch.tokens, batch.text_states, batch.tokens.argmax(dim=-1))
        sides = [of for of in (batch.text_of, batch.second_text_of) if of is not None]
        return [_View(unique[of], Likeness(batch.text_ids[of], batch.labels)) for of in sides]

    def _encode(
        self, tower: FreezableTower, inputs: Tensor, states: Tensor | None, places: Tensor | None = None
    ) -> Tensor:
        """Encode B inputs to [B, D], or what the frozen blocks made of them.

        Chunks make their activations again when the backward pass needs them: the gradients are those of the whole
        batch, the memory that of one chunk (GradCache, Gao et al., RepL4NLP 2021). The frozen blocks run once.
        """
        size = self.trainer.datamodule.chunk_size  # type: ignore[attr-defined]
        shown = inputs if states is None else states
        if size is None or len(shown) <= size:
            return tower(shown, places) if states is None else tower.above(states, places)
        ends = [None] * -(-len(shown) // size) if places is None else places.split(size)
        parts = list(zip(shown.split(size), ends, strict=True))
        if states is None:
            parts = [(tower.below(*part), part[1]) for part in parts]
        return torch.cat([checkpoint(tower.above, *part, use_reentrant=False) for part in parts])

    def configure_model(self) -> None:
        """Divide the weights among the processes, if the strategy says so."""
        if self.device_mesh is not None:
            shard(self.model, self.device_mesh["data_parallel"])

    def check(self, images: str, text: str, size: int | None, sharded: bool) -> None:
        """Refuse what does not fit together, before anything is decoded.

        Args:
            images: which images of a study a batch holds.
            text: likewise.
            size: of a chunk; None for none.
            sharded: whether the weights are divided among the processes.

        Raises:
            ConfigError: a term needs two of each study, or chunks would change batch statistics or number differently
                on each process.
        """
        for name, weight, found, wanted in (
            ("image_image", self._image_image, f"loader.images={images}", "loader.images=two"),
            ("text_text", self._text_text, f"loader.text={text}", "loader.text=two_sections"),
        ):
            if weight and found != wanted:
                raise ConfigError(f"module.{name}={weight} needs two of each study; set {wanted}")
        if size is not None and sharded:
            raise ConfigError(
                f"loader.chunk_size={size}: each chunk would need all processes at once under trainer=fsdp; "
                "choose trainer=ddp optimizer=adamw_sharded"
            )
        if size is not None and any(isinstance(part, BatchNorm) for part in self.model.modules()):
            raise ConfigError(
                f"loader.chunk_size={size}: {self.model.architecture.name} has statistics over the whole batch, which "
                "chunks would change; leave it out, or choose a model of transformers such as model=clip_b32"
            )

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
            optimizer = self._optimizer(parameter_groups(self, self._layer_decay))
        except ValueError as error:
            raise ConfigError(f"optimizer: {error}") from error
        scale_rates(optimizer)
        allow_clipping(optimizer)
        if self._scheduler is None:
            return optimizer
        schedule = self._scheduler(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
