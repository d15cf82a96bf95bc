"""Every combination of the values that the command line lists."""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override

from medxpert.config.sweeper import Sweep
from medxpert.errors import ConfigError
from medxpert.sweeping.ending import concluded
from medxpert.sweeping.outcomes import outcomes


class Grid:
    """Tries every combination: `-m optimizer.lr=1e-3,3e-4 seed=range(3)`.

    Args:
        n_jobs: jobs at a time, where no launcher of Hydra's runs them elsewhere.

    Raises:
        ConfigError: n_jobs is less than 1.
    """

    def __init__(self, n_jobs: int = 1) -> None:
        if n_jobs < 1:
            raise ConfigError(f"sweep.n_jobs={n_jobs} must be at least 1")
        self.n_jobs = n_jobs

    def __call__(self, sweep: Sweep, overrides: Sequence[Override]) -> None:
        """Check all jobs, then run them.

        Raises:
            ConfigError: a job cannot be built, a range has no end of values, or the folder holds another sweep;
                nothing has run.
            MedXpertError: jobs failed; its exit status is that of the first.
        """
        for one in overrides:
            if one.is_interval_sweep():
                raise ConfigError(f"{one.key_or_group}: a grid needs values; add sweep=optuna to search an interval")
        if outcomes(sweep.folder):
            raise ConfigError(f"hydra.sweep.dir={sweep.folder} holds another sweep; give another folder")
        jobs = BasicSweeper.split_arguments(list(overrides), None)[0]
        sweep.check(jobs)
        axes = {one.get_key_element() for one in overrides if one.is_sweep_override()}
        values = {number: tried(job, axes) for number, job in enumerate(jobs)}
        with concluded(sweep.folder, values):
            sweep.launch(jobs, at_once=self.n_jobs)


def tried(job: Sequence[str], axes: set[str]) -> dict[str, str]:
    """Return what a job's overrides say of the swept keys, as one would type it."""
    pairs = (override.partition("=") for override in job)
    return {key.lstrip("+"): value for key, _, value in pairs if key in axes}
