"""Going on with a training that was interrupted: its own folder, configuration, data and place in the epoch."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from medxpert.errors import ConfigError, DataError
from medxpert.provenance import code
from medxpert.run import LAST, OUTPUTS, PROVENANCE

CONFIG = "config.yaml"
_CHOICES, _FOLDER, _CODE = "choices", "folder", "code"
_MACHINE = (
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "loader.batch_size",
    "loader.chunk_size",
    "loader.num_workers",
)
"""Keys that may stand beside `resume=`: the same training on other machines."""
_RESTARTS = ("SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT")
"""Variables in which a cluster counts how often it began a job again."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What is to be trained, and where.

    Attributes:
        cfg: the configuration.
        choices: group -> the choice that the configuration was composed from.
        folder: of the run.
        checkpoint: what to go on from; None for a new training.
    """

    cfg: DictConfig
    choices: dict[str, str]
    folder: Path
    checkpoint: Path | None = None


def job_of(cfg: DictConfig) -> Job:
    """Return a new training, or the one that `resume=` names, or the one that a cluster begins again.

    Raises:
        ConfigError: the run does not exist or is finished, other overrides than those of the machine stand beside
            `resume=`, or the folder of a new run holds another one.
        DataError: the run was interrupted before its first checkpoint, or its configuration is broken.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if not cfg.resume:
        _refuse_finished(folder, f"hydra.run.dir={folder}")
        if _interrupted(folder):
            return _begun_again(folder)
        return Job(cfg, {name: str(choice) for name, choice in hydra.runtime.choices.items()}, folder)
    overrides = [one.removeprefix("++") for one in hydra.overrides.task]
    others = [one for one in overrides if one.partition("=")[0] not in ("resume", *_MACHINE)]
    if others:
        raise ConfigError(
            f"resume= goes on with the run's own configuration; leave out {' '.join(others)} "
            f"(only {', '.join(_MACHINE)} may change)"
        )
    run = _run(cfg.resume)
    if folder != Path.cwd():
        with suppress(OSError):
            folder.rmdir()  # made for a new run; one that holds something stays
    job = _kept(run)
    for key in {one.partition("=")[0] for one in overrides} & set(_MACHINE):
        OmegaConf.update(job.cfg, key, OmegaConf.select(cfg, key), force_add=True)
    return job


def _begun_again(folder: Path) -> Job:
    """Go on with the interrupted run in the job's own folder, if it is the cluster that began the job again."""
    if not any(int(os.environ.get(name) or 0) for name in _RESTARTS):
        raise ConfigError(
            f"hydra.run.dir={folder} holds an interrupted run; go on with it: python train.py resume={folder}, "
            "or give another folder"
        )
    log.info("the cluster began the job again; going on with %s", folder)
    return _kept(folder)


def _kept(run: Path) -> Job:
    kept = read_config(run)
    choices, before, made_by = kept.pop(_CHOICES, {}), kept.pop(_FOLDER, str(run)), kept.pop(_CODE, None)
    if made_by is not None and made_by != code():
        log.warning("%s was begun by another version of the code: %s, now %s", run, _said(made_by), _said(code()))
    return Job(OmegaConf.create(_moved(kept, before, str(run))), choices, run, run / LAST)


def _said(made_by: Mapping[str, str | None]) -> str:
    return " ".join(value for value in made_by.values() if value)


def kept_config(job: Job, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what config.yaml holds: the resolved configuration, how it was chosen, where the run stood, the code."""
    return {**resolved, _CHOICES: job.choices, _FOLDER: str(job.folder.resolve()), _CODE: code()}


def _moved(value: Any, before: str, now: str) -> Any:
    """Let the folders below a run that was moved lie below its new place."""
    if isinstance(value, dict):
        return {key: _moved(child, before, now) for key, child in value.items()}
    if isinstance(value, list):
        return [_moved(child, before, now) for child in value]
    inside = isinstance(value, str) and Path(value).is_relative_to(before)
    return str(Path(now) / Path(value).relative_to(before)) if inside else value


def _run(name: str) -> Path:
    found = [path for path in (Path(name), OUTPUTS / name) if path.is_dir()]
    if not found:
        raise ConfigError(f"resume={name} does not exist; give the folder of an interrupted run")
    run = found[0].resolve()
    _refuse_finished(run, f"resume={name}")
    if not _interrupted(run):
        raise DataError(f"{run} was interrupted before its first checkpoint ({LAST}); train again")
    return run


def _refuse_finished(folder: Path, setting: str) -> None:
    if (folder / PROVENANCE).exists():
        raise ConfigError(f"{setting} holds a finished run; give another folder")


def _interrupted(folder: Path) -> bool:
    return (folder / LAST).is_file() and (folder / CONFIG).is_file()


def keep_curves(run: Path) -> None:
    """Move the curves that were logged before the interruption aside: the logger begins a new file."""
    path = run / "logs" / "metrics.csv"
    if path.is_file():
        path.replace(next(new for number in count(1) if not (new := path.with_stem(f"metrics_{number}")).exists()))


def read_config(run: Path) -> dict[str, Any]:
    """Read the configuration that a run was made with.

    Raises:
        DataError: it is missing or broken.
    """
    path = run / CONFIG
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise DataError(f"{path} is missing or broken; make the run again: python train.py") from error
