"""Validation images with the texts ranked first for them, for loggers that show pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import wandb
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from medxpert.data.stored import Stored
from medxpert.metrics.scores import top_k
from medxpert.privacy import may_leave
from medxpert.text import normalise
from medxpert.words import Policy

log = logging.getLogger(__name__)
NUM_IMAGES, NUM_TEXTS = 8, 3


class Example(NamedTuple):
    """One query image [S, S], its own report, and the texts and scores of what it retrieved, best first."""

    pixels: NDArray[np.uint8]
    own: str
    texts: list[str]
    scores: list[float]

    @property
    def hit(self) -> bool:
        """Whether its own report, or one of the same normalised text, is among them."""
        return normalise(self.own) in map(normalise, self.texts)


def log_panel(
    loggers: Sequence[Logger], store: Stored, image: NDArray[np.floating], text: NDArray[np.floating], policy: Policy
) -> None:
    """Show a few studies of a split, embedded as unit rows [N, D], to every logger that shows pictures.

    Nothing is shown unless the policy of the data and of the weights lets pictures and texts go to a logger.
    """
    showing = [one for one in loggers if isinstance(one, WandbLogger | TensorBoardLogger)]
    if showing and not may_leave(policy, "logger"):
        log.info("policy %s: pictures and texts stay out of the loggers", policy)
        return
    examples = _examples(store, image, text) if showing else []
    for logger in showing:
        _show(logger, examples)


def _examples(store: Stored, image: NDArray[np.floating], text: NDArray[np.floating]) -> list[Example]:
    rows = np.linspace(0, len(store) - 1, min(NUM_IMAGES, len(store))).round().astype(int)
    found = top_k(image[rows], text, NUM_TEXTS)
    texts = store.cases.texts
    return [
        Example(store.pixels[store.image_rows[row][0]], texts[row], [texts[hit] for hit in hits], scores.tolist())
        for row, hits, scores in zip(rows, found.rows, found.scores, strict=True)
    ]


def _show(logger: WandbLogger | TensorBoardLogger, examples: Sequence[Example]) -> None:
    if isinstance(logger, WandbLogger):
        logger.log_table("val/retrieval", *_table(examples))
        return
    for number, one in enumerate(examples):
        lines = [f"own: {one.own}", *(f"{rank}. {text}" for rank, text in enumerate(one.texts, start=1))]
        logger.experiment.add_image(f"val/retrieval/{number}", one.pixels, dataformats="HW")
        logger.experiment.add_text(f"val/retrieval/{number}", "\n".join(lines))


def _table(examples: Sequence[Example]) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and the rows, one per query."""
    ranks = range(1, 1 + max((len(one.texts) for one in examples), default=0))
    columns = ["image", "report", "hit", *(f"{what} {rank}" for rank in ranks for what in ("report", "score"))]
    rows = [
        [
            wandb.Image(one.pixels),
            one.own,
            one.hit,
            *(cell for pair in zip(one.texts, one.scores, strict=True) for cell in pair),
        ]
        for one in examples
    ]
    return columns, rows
