"""Captions of a sample of validation after every epoch; checkpoints are chosen by what they say, not by the loss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from medxpert.cases import Cases
from medxpert.data.stored import Stored
from medxpert.distributed import gather_objects, rank, world_size
from medxpert.errors import ConfigError

log = logging.getLogger(__name__)
_BATCH = 32


class CaptionQuality(pl.Callback):
    """Logs val/label_f1, val/label_f1_macro, val/bleu4 and val/rouge_l of captions of some validation studies.

    Args:
        measure: returns figures of B captions of the same B studies.
        num_studies: evenly spaced over the split; all of it where it has fewer.
        num_beams: captions that the search follows at a time.
        max_words: tokens of the longest caption.

    Raises:
        ConfigError: a number is not positive.
    """

    def __init__(
        self,
        measure: Callable[[Sequence[str], Cases], Mapping[str, float]],
        num_studies: int = 150,
        num_beams: int = 3,
        max_words: int = 60,
    ) -> None:
        for name, number in (("num_studies", num_studies), ("num_beams", num_beams), ("max_words", max_words)):
            if number < 1:
                raise ConfigError(f"callbacks.captions.{name}={number} must be at least 1")
        self._measure = measure
        self.num_studies, self.num_beams, self.max_words = num_studies, num_beams, max_words

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Caption the sample, each rank its share, and log; every rank computes the same figures."""
        if trainer.sanity_checking:
            return
        store = trainer.datamodule.stores["val"]  # type: ignore[attr-defined]
        rows = spread(len(store), self.num_studies)
        own = self.written(pl_module.model, store, rows[rank() :: world_size()])
        captions = [""] * len(rows)
        for place, told in enumerate(gather_objects(own)):
            captions[place :: world_size()] = told
        found = self._measure(captions, store.cases.take(np.array(rows)))
        pl_module.log_dict({f"val/{name}": value for name, value in found.items()})
        if trainer.is_global_zero:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in found.items())
            log.info("validation at step %d: %s", trainer.global_step, shown)

    def written(self, model: Any, store: Stored, rows: Sequence[int]) -> list[str]:
        """Return the captions of the first image of some studies."""
        device = model.mean.device
        captions: list[str] = []
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            pixels = store.pixels[[int(store.image_rows[row][0]) for row in part]]
            captions += model.captions(torch.from_numpy(pixels).to(device), self.num_beams, self.max_words)
        return captions


def spread(count: int, most: int) -> list[int]:
    """Return up to `most` of `count` rows, evenly spaced."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})
