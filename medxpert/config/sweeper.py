"""Hydra's side of a sweep: which jobs to run is up to what `sweep=` builds; this composes, checks and launches them."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra._internal.core_plugins import basic_launcher
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from medxpert.config.alone import Script
from medxpert.config.build import build
from medxpert.config.check import check
from medxpert.config.overrides import quote
from medxpert.config.processes import Command, record_unheard, run_processes, surviving_deaths
from medxpert.config.ranks import outer_rank
from medxpert.config.schema import Schema, read_schema
from medxpert.errors import ConfigError

log = logging.getLogger(__name__)
NAME = "hydra_plugins.medxpert.Sweep"
"""What `hydra.sweeper._target_` says: Hydra builds sweepers of its plugin packages only."""

HIDDEN = "++callbacks.pruning."
"""How the overrides begin that a search adds to every job and that say nothing to people."""

Overrides = Sequence[str]


def announce() -> None:
    """Let Hydra find the sweeper under the name that it accepts."""
    Plugins.instance().class_name_to_class[NAME] = Sweep


class Composed(NamedTuple):
    """One job: Hydra's configuration with everything in it, and the folder it will have."""

    config: DictConfig
    folder: Path


class Sweep(Sweeper):
    """Runs what `sweep=` builds: a callable `(sweep, overrides)` that checks and launches jobs through this object.

    Args:
        max_batch_size: jobs that are handed to the launcher at a time; all by default.
        params: overrides by key, before those of the command line.
    """

    hydra_context: HydraContext
    config: DictConfig
    launcher: Launcher

    def __init__(self, max_batch_size: int | None = None, params: dict[str, str] | None = None) -> None:
        self._batch = max_batch_size
        self._params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take over what Hydra knows.

        Raises:
            ConfigError: several processes would each run the whole sweep.
        """
        if outer_rank() is not None:
            raise ConfigError(
                "a sweep starts the processes of its jobs itself: run it without torchrun or srun, "
                "with trainer.devices=N or hydra/launcher=submitit_slurm"
            )
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the whole sweep."""
        own = OmegaConf.masked_copy(self.config, "sweep")
        check(own, Schema(frozenset(), frozenset({"sweep"})))
        strategy = build(self.config.get("sweep"))
        if strategy is None:
            raise ConfigError("sweep=null: give sweep=grid or sweep=optuna")
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*(f"{key}={value}" for key, value in self._params.items()), *arguments])
        for one in overrides:
            if one.key_or_group.startswith("sweep.") and one.is_sweep_override():
                raise ConfigError(f"{one.key_or_group} belongs to the whole sweep; give one value")
        strategy(self, [one for one in overrides if one.key_or_group.partition(".")[0] != "sweep"])

    @property
    def folder(self) -> Path:
        """Folder of the sweep; made by the first launch."""
        return Path(self.config.hydra.sweep.dir).absolute()

    def check(self, jobs: Sequence[Overrides]) -> None:
        """Refuse jobs of which one cannot be built.

        Raises:
            ConfigError: one line per fault, each once.
        """
        sources = {source.provider: source.path for source in self.config.hydra.runtime.config_sources}
        schema = read_schema(Path(sources["main"]), self.config.hydra.job.config_name)
        faults: list[str] = []
        for number, overrides in enumerate(jobs):
            with self._composed(overrides, number) as job:
                cfg = copy.deepcopy(job.config)
                with read_write(cfg), open_dict(cfg):
                    del cfg["hydra"]
                try:
                    check(cfg, schema)
                except ConfigError as error:
                    faults += str(error).splitlines()
        if faults:
            raise ConfigError("\n".join(dict.fromkeys(faults)))

    def launch(self, jobs: Sequence[Overrides], first: int = 0, at_once: int = 1) -> None:
        """Run jobs and wait for them; what became of each stands in its folder.

        Args:
            jobs: overrides of each.
            first: number of the first job.
            at_once: processes at a time where no launcher of Hydra's was chosen.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if isinstance(self.launcher, basic_launcher.BasicLauncher):
            run_processes([self._command(job, number) for number, job in enumerate(jobs, start=first)], at_once)
            return
        size = self._batch or len(jobs)
        with surviving_deaths():
            for start in range(0, len(jobs), size):
                self.launcher.launch(jobs[start : start + size], initial_job_idx=first + start)
        for number, overrides in enumerate(jobs, start=first):
            with self._composed(overrides, number) as job:
                record_unheard(number, job.folder)

    def _command(self, overrides: Overrides, number: int) -> Command:
        """Return what runs a job as a process of its own: what one job leaves behind, or dies of, harms no other."""
        with self._composed(overrides, number) as job:
            script = Script.current()
            arguments = script.job(overrides, self.config.hydra.overrides.hydra)
            folder = f"hydra.run.dir={quote(str(job.folder))}"
            own = [one.lstrip("+") for one in overrides if one not in script.arguments and not one.startswith(HIDDEN)]
            sweep = f"hydra.sweep.dir={quote(str(self.folder))}"
            words = (*script.start(), *arguments, folder, sweep, "hydra.mode=RUN")
            return Command(number, job.folder, words, " ".join(own))

    @contextmanager
    def _composed(self, overrides: Overrides, number: int) -> Iterator[Composed]:
        """Compose a job as its launcher will, and let interpolations see it."""
        config: Any = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with read_write(config), open_dict(config):
            config.hydra.job.num = config.hydra.job.id = number
            folder = self.folder / config.hydra.sweep.subdir
            config.hydra.runtime.output_dir = str(folder)
        before = HydraConfig.instance().cfg
        HydraConfig.instance().set_config(config)
        try:
            yield Composed(config, folder)
        finally:
            HydraConfig.instance().cfg = before
