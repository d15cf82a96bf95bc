"""Experiment loggers beyond Lightning's defaults; pictures and texts go to them only when the policy allows."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from wandb import Settings

from medxpert.errors import MissingExtraError


def wandb_logger(
    save_dir: str,
    project: str = "medxpert",
    name: str | None = None,
    group: str | None = None,
    tags: Sequence[str] = (),
    offline: bool | None = None,
) -> WandbLogger:
    """Log to Weights & Biases: to disk unless WANDB_API_KEY is set; send later with `wandb sync`.

    Neither the terminal nor the command line is recorded: they name studies and files.

    Args:
        save_dir: where the offline files go.
        project: name of the project.
        name: name of the run; made up when None.
        group: gathers runs of a sweep.
        tags: labels of the run.
        offline: True never sends, False needs a key, None decides by the key.
    """
    alone = "WANDB_API_KEY" not in os.environ if offline is None else offline
    quiet = Settings(console="off", disable_code=True, disable_git=True, x_disable_meta=True)
    return WandbLogger(
        name=name, save_dir=save_dir, project=project, offline=alone, group=group, tags=list(tags), settings=quiet
    )


def tensorboard_logger(save_dir: str) -> TensorBoardLogger:
    """Log to TensorBoard: `tensorboard --logdir outputs` shows every run.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """
    try:
        return TensorBoardLogger(save_dir, name="", version="tensorboard")
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorboard", "tensorboard") from error
