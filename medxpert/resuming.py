"""Going on with a training that was interrupted: its own folder, configuration, data and place in the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from medxpert.errors import ConfigError, DataError
from medxpert.run import OUTPUTS, PROVENANCE

CONFIG, LAST = "config.yaml", "checkpoints/last.ckpt"
_CHOICES, _FOLDER = "choices", "folder"


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
    """Return a new training, or the one that `resume=` names.

    Raises:
        ConfigError: the run does not exist or is finished, other overrides stand beside `resume=`, or the folder of a
            new run holds a finished one.
        DataError: the run was interrupted before its first checkpoint, or its configuration is broken.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if not cfg.resume:
        _refuse_finished(folder, f"hydra.run.dir={folder}")
        return Job(cfg, {name: str(choice) for name, choice in hydra.runtime.choices.items()}, folder)
    others = [
        one.removeprefix("++") for one in hydra.overrides.task if not one.removeprefix("++").startswith("resume=")
    ]
    if others:
        raise ConfigError(f"resume= goes on with the run's own configuration; leave out {' '.join(others)}")
    run = _run(cfg.resume)
    if folder.is_dir() and folder != Path.cwd() and not any(folder.iterdir()):
        folder.rmdir()  # made for a new run
    kept = read_config(run)
    choices, before = kept.pop(_CHOICES, {}), kept.pop(_FOLDER, str(run))
    return Job(OmegaConf.create(_moved(kept, before, str(run))), choices, run, run / LAST)


def kept_config(job: Job, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what config.yaml holds: the resolved configuration, how it was chosen, and where the run stood."""
    return {**resolved, _CHOICES: job.choices, _FOLDER: str(job.folder.resolve())}


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
    if not (run / LAST).is_file():
        raise DataError(f"{run} was interrupted before its first checkpoint ({LAST}); train again")
    return run


def _refuse_finished(folder: Path, setting: str) -> None:
    if (folder / PROVENANCE).exists():
        raise ConfigError(f"{setting} holds a finished run; give another folder")


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
