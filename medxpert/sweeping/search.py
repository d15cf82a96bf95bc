"""Settings of `sweep=optuna`; Optuna itself, an extra, is imported when a search begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medxpert.errors import ConfigError, MissingExtraError
from medxpert.run import LATEST

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from medxpert.config.sweeper import Sweep


class Search:
    """Searches the axes of the command line for the highest validation Recall@10.

    Args:
        study: name of the study and of its folder under outputs/; a name used before goes on with its trials.
        n_trials: number of trials in the study when it is complete.
        n_jobs: trials at a time; each batch learns from those before.
        storage: URL of the database, by default study.db in the folder; jobs on other machines must reach it.
        seed: of the sampler.
        prune: stop a trial whose Recall@10 lies below the median of the others at the same epoch.

    Raises:
        ConfigError: a number is too small, or the study's name is no plain name.
    """

    def __init__(
        self,
        study: str,
        n_trials: int = 20,
        n_jobs: int = 1,
        storage: str | None = None,
        seed: int = 0,
        prune: bool = True,
    ) -> None:
        for name, number in {"n_trials": n_trials, "n_jobs": n_jobs}.items():
            if number < 1:
                raise ConfigError(f"sweep.{name}={number} must be at least 1")
        if not study or "/" in study or study.startswith(".") or study == LATEST:
            raise ConfigError(f"sweep.study='{study}' must be a plain name: it names a folder under outputs/")
        self.study, self.n_trials, self.n_jobs = study, n_trials, n_jobs
        self.storage, self.seed, self.prune = storage, seed, prune

    def __call__(self, sweep: Sweep, overrides: Sequence[Override]) -> None:
        """Run the trials that are still missing.

        Raises:
            MissingExtraError: Optuna is not installed.
            ConfigError: an axis cannot be searched, the study was begun with other axes, or another process is at it.
            MedXpertError: trials failed; its exit status is that of the first.
        """
        try:
            from medxpert.sweeping.trials import search
        except ModuleNotFoundError as error:
            raise MissingExtraError("optuna", "sweep") from error
        search(self, sweep, overrides)
