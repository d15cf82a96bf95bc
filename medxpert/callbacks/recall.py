"""Recall@K on validation after every epoch; checkpoints are chosen by it."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray

from medxpert.data.batch import Embedded
from medxpert.distributed import gather_objects
from medxpert.errors import DataError
from medxpert.metrics.ranking import hits
from medxpert.metrics.retrieval import pair, rank_pairs

KS = (1, 5, 10)
log = logging.getLogger(__name__)


class RecallAtK(pl.Callback):
    """Logs val/recall@K, the mean of both directions under identity relevance, and each direction beside it.

    Studies that a distributed sampler padded with are counted once.
    """

    def __init__(self) -> None:
        self._parts: list[Embedded] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the last epoch."""
        self._parts = []

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Keep a batch's embeddings."""
        image, text, rows = (part.detach().cpu() for part in outputs)
        if not bool((image.isfinite() & text.isfinite()).all()):
            raise DataError(_not_finite(trainer, rows.tolist()))
        self._parts.append(Embedded(image.float(), text.float(), rows))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Rank the whole split and log; every rank computes the same figures."""
        if trainer.sanity_checking:
            return
        texts = trainer.datamodule.stores["val"].cases.texts  # type: ignore[attr-defined]
        found = recall(*_whole(self._parts), texts)
        pl_module.log_dict(found)
        if trainer.is_global_zero:
            shown = "  ".join(f"recall@{k} {found[f'val/recall@{k}']:.3f}" for k in KS)
            log.info("validation at step %d: %s", trainer.global_step, shown)


def _not_finite(trainer: pl.Trainer, rows: list[int]) -> str:
    ids = trainer.datamodule.study_ids("val", rows)  # type: ignore[attr-defined]
    return (
        f"validation embeddings are not finite at step {trainer.global_step}; lower optimizer.lr or look at the "
        f"batch's studies: {', '.join(ids)}"
    )


def _whole(parts: list[Embedded]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    local = [tuple(np.asarray(part) for part in batch) for batch in parts]
    batches = [batch for rank in gather_objects(local) for batch in rank]
    image, text, rows = (np.concatenate(column) for column in zip(*batches, strict=True))
    _, first = np.unique(rows, return_index=True)
    return image[first], text[first]


def recall(image: NDArray[np.float32], text: NDArray[np.float32], texts: list[str]) -> dict[str, float]:
    """Return the logged figures of unit rows image and text [N, D] whose texts may repeat."""
    ranked = {one.direction: one.ranks for one in rank_pairs(pair(image, text, texts)) if one.relevance == "identity"}
    means = {direction: hits(ranks, KS).mean(axis=0) for direction, ranks in ranked.items()}
    both = np.mean(list(means.values()), axis=0)
    return {
        **{f"val/recall@{k}": value for k, value in zip(KS, both.tolist(), strict=True)},
        **{
            f"val/{direction}/recall@{k}": value
            for direction, values in means.items()
            for k, value in zip(KS, values.tolist(), strict=True)
        },
    }
