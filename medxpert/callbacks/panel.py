"""Validation images with the texts ranked first for them, for loggers that show pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from medxpert.data.stored import Stored
from medxpert.metrics.scores import top_k
from medxpert.privacy import may_leave

log = logging.getLogger(__name__)
NUM_IMAGES, NUM_TEXTS = 8, 3


class Example(NamedTuple):
    """One query image [S, S] and what it retrieved, best first."""

    pixels: NDArray[np.uint8]
    caption: str


def log_panel(
    loggers: Sequence[Logger], store: Stored, image: NDArray[np.floating], text: NDArray[np.floating]
) -> None:
    """Show a few studies of a split, embedded as unit rows [N, D], to every logger that shows pictures.

    Nothing is shown unless the policy lets pictures and texts go to a logger.
    """
    showing = [one for one in loggers if isinstance(one, WandbLogger | TensorBoardLogger)]
    if showing and not may_leave(store.policy, "logger"):
        log.info("policy %s: pictures and texts stay out of the loggers", store.policy)
        return
    examples = _examples(store, image, text) if showing else []
    for logger in showing:
        _show(logger, examples)


def _examples(store: Stored, image: NDArray[np.floating], text: NDArray[np.floating]) -> list[Example]:
    rows = np.linspace(0, len(store) - 1, min(NUM_IMAGES, len(store))).round().astype(int)
    found = top_k(image[rows], text, NUM_TEXTS).rows
    texts = store.cases.texts
    return [
        Example(
            store.pixels[store.image_rows[row][0]],
            f"own: {texts[row]}\n" + "\n".join(f"{rank}. {texts[hit]}" for rank, hit in enumerate(hits, start=1)),
        )
        for row, hits in zip(rows, found, strict=True)
    ]


def _show(logger: WandbLogger | TensorBoardLogger, examples: Sequence[Example]) -> None:
    if isinstance(logger, WandbLogger):
        logger.log_image("val/retrieval", [one.pixels for one in examples], caption=[one.caption for one in examples])
        return
    for number, one in enumerate(examples):
        logger.experiment.add_image(f"val/retrieval/{number}", one.pixels, dataformats="HW")
        logger.experiment.add_text(f"val/retrieval/{number}", one.caption)
