"""The stock way to train: open_clip's model and loss in Lightning, and the loop in which every way is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from medxpert.models.architecture import Architecture, Transformer

FROZEN = 6
ADAMW: dict[str, Any] = {"lr": 5e-6, "weight_decay": 0.1, "betas": (0.9, 0.98), "fused": True}
"""Of both sides: the fused step is the fastest that torch has."""


class Stock(pl.LightningModule):
    """open_clip's model and loss as its users put them into Lightning.

    Args:
        model: of two transformers.
        frozen: blocks of each tower that are not trained, nor the embeddings below them.
    """

    def __init__(self, model: Any, frozen: int = FROZEN) -> None:
        from open_clip.loss import ClipLoss

        super().__init__()
        self.model, self.loss = model, ClipLoss()
        visual = model.visual
        for part in (
            visual.conv1, visual.class_embedding, visual.positional_embedding, visual.ln_pre,
            visual.transformer.resblocks[:frozen],
            model.token_embedding, model.positional_embedding, model.transformer.resblocks[:frozen],
        ):  # fmt: skip
            part.requires_grad_(False)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Return the loss of normalised images [B, 3, S, S] and tokens [B, 77]."""
        loss: Tensor = self.loss(*self.model(*batch))
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build AdamW over what is trainable."""
        return torch.optim.AdamW([one for one in self.parameters() if one.requires_grad], **ADAMW)


def open_clip_model(size: Architecture) -> Any:
    """Build open_clip's model of a size, with random weights.

    Raises:
        ValueError: the image tower is no transformer.
    """
    import open_clip

    image, text = size.image, size.text
    if not isinstance(image, Transformer):
        raise ValueError(f"expected two transformers, found {size.name}")
    vision = {"image_size": size.image_side, "layers": image.blocks, "width": image.width, "patch_size": size.patch}
    words = {"width": text.width, "heads": text.heads, "layers": text.blocks}
    head_width = image.width // image.heads
    return open_clip.CLIP(size.embed_dim, {**vision, "head_width": head_width}, words, quick_gelu=True)


def stored_model(size: Architecture, weights: Path) -> Any:
    """Build open_clip's model with the weights of a file."""
    model = open_clip_model(size)
    model.load_state_dict(torch.load(weights))
    return model


class _Watch(pl.Callback):
    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step

    def on_train_batch_end(self, *_: Any) -> None:
        self._step()


def fit(
    module: pl.LightningModule, data: Any, count: int, precision: Any, step: Callable[[], None], device: str = "auto"
) -> None:
    """Train for some steps with Lightning's Trainer, and call `step` behind each."""
    trainer = pl.Trainer(
        accelerator=device, devices=1, precision=precision, max_steps=count, max_epochs=-1,
        limit_val_batches=0, num_sanity_val_steps=0, callbacks=[_Watch(step)], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    given = {"datamodule": data} if isinstance(data, pl.LightningDataModule) else {"train_dataloaders": data}
    trainer.fit(module, **given)


def steps(module: pl.LightningModule, data: Any, count: int, precision: Any) -> list[float]:
    """Return the seconds from the end of one step to the end of the next, behind a first one that warms up."""
    ends: list[float] = []
    fit(module, data, count + 1, precision, lambda: ends.append(time.perf_counter()))
    seconds: list[float] = np.diff(ends).tolist()
    return seconds
