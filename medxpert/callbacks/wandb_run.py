"""A run on Weights & Biases: opened late, closed within bounds, and never the end of a training."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import wandb
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import DummyExperiment, rank_zero_experiment

from medxpert.errors import ConfigError

log = logging.getLogger(__name__)

Mode = Literal["online", "offline", "disabled"]
OPENING_SECONDS, CLOSING_SECONDS = 30.0, 60.0
"""How long a training waits for W&B at its start and at its end."""


class WandbRun(WandbLogger):
    """One W&B run, opened in the first process when it is first logged to.

    If W&B cannot be reached, the run is kept on disk. What W&B records by itself and what may name studies, files or
    machines is switched off: terminal, command line, code, git, packages, host; its system metrics are on.

    Args:
        folder: of the training.
        run_id: of the W&B run; one that exists goes on.
        mode: whether anything is sent, or written at all.
        arguments: of `wandb.init`.
    """

    def __init__(self, folder: Path, run_id: str, mode: Mode, **arguments: Any) -> None:
        super().__init__(save_dir=str(folder), id=run_id, offline=mode != "online", mode=mode, **arguments)
        del self._wandb_init["anonymous"]  # even None makes wandb warn
        self._lost = False
        self.from_folders: set[str] = set()
        """Arguments that were read off folders, which people may name after anything."""

    def forget_folders(self) -> None:
        """Let W&B make up what was read off folders; the run is not open yet."""
        for key in self.from_folders:
            self._wandb_init[key] = None

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The open run.

        Raises:
            ConfigError: W&B refuses the key, the project or another argument.
        """
        if self._experiment is None and self._lost:
            return DummyExperiment()
        if self._experiment is None:
            self._experiment = self._open()
            self._experiment.define_metric("trainer/global_step")
            self._experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return self._experiment

    def _open(self) -> Any:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # tracebacks name files
        os.environ.setdefault("WANDB_DATA_DIR", f"{self._save_dir}/wandb")  # tables wait there until they are sent
        try:
            return wandb.init(**self._wandb_init, settings=_settings(self._wandb_init["mode"]))
        except wandb.errors.Error as error:
            if _is_refusal(error):
                wandb.teardown(exit_code=1)
                raise ConfigError(
                    f"W&B refuses the run: {_line(error)}; correct WANDB_API_KEY, logger.project or logger.entity, "
                    "or keep the run on this machine with logger.offline=true"
                ) from error
            log.warning("W&B is out of reach (%s)", _line(error))
        wandb.teardown(exit_code=1)  # what failed still holds the id
        self._wandb_init["mode"] = "offline"
        return wandb.init(**self._wandb_init, settings=_settings("offline"))

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log figures, pictures or tables, at a step of the training."""
        self._survive(super().log_metrics, metrics, step)

    def log_hyperparams(self, params: dict[str, Any]) -> None:  # type: ignore[override]
        """Log what the run is made with."""
        self._survive(super().log_hyperparams, params)

    def close(self, exit_code: int) -> None:
        """End the run, as failed unless the code is 0, and say how to send what was not sent."""
        if self._experiment is None or self._lost:
            return
        folder = self._experiment.settings.sync_dir
        try:
            self._experiment.finish(exit_code=exit_code)
        except TimeoutError:
            log.warning(
                "W&B did not take all of the run in time; send the rest: wandb sync --include-online %s", folder
            )
        except Exception as error:  # Whatever becomes of the logger's process, a training is worth more.
            self._lose(error)
        else:
            if self._wandb_init["mode"] == "offline":
                log.info("the W&B run is kept on this machine; send it: wandb sync %s", folder)

    def _survive(self, call: Callable[..., None], *arguments: Any) -> None:
        if self._lost:
            return
        try:
            call(*arguments)
        except ConfigError:
            raise
        except Exception as error:  # as in close
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Go on without W&B, whose process on this machine is gone."""
        self._lost = True
        log.warning("W&B ended (%s); the curves go on in logs/metrics.csv only", _line(error) or type(error).__name__)


def _settings(mode: Mode) -> wandb.Settings:
    return wandb.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        x_disable_meta=True,
        x_save_requirements=False,
        host="",
        program="train.py",
        quiet=True,
        silent=mode == "offline",
        reinit="finish_previous",
        init_timeout=OPENING_SECONDS,
        finish_timeout=CLOSING_SECONDS,
        finish_timeout_raises=True,
    )


def _is_refusal(error: wandb.errors.Error) -> bool:
    """Tell what W&B or its client refuses for good from what is merely out of reach."""
    for_good = isinstance(error, wandb.errors.AuthenticationError | wandb.errors.UsageError)
    return for_good or re.search(r"returned error 4\d\d", str(error)) is not None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
