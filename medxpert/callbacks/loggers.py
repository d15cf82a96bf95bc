"""The loggers of a run: CSV always, beside it Weights & Biases or TensorBoard.

A choice of the group `logger` is a function (save_dir, resume, ...) that returns Lightning's loggers. What they are
told of the data is decided in `medxpert.privacy`.
"""

from __future__ import annotations

import netrc
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from medxpert.callbacks.wandb_run import Mode, WandbRun
from medxpert.errors import ConfigError, MedXpertError, MissingExtraError
from medxpert.privacy import loggable, may_leave
from medxpert.provenance import code

_GROUPS = ("model", "data", "loss")
"""Groups whose choices are logged, so that runs can be grouped by them."""
_MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}
"""What WANDB_MODE may say, and what it means."""


def csv_loggers(save_dir: str, resume: bool = False) -> list[Logger]:
    """Log to <save_dir>/logs/metrics.csv.

    Args:
        save_dir: folder of the run.
        resume: whether the run goes on; the program says so.
    """
    return [CSVLogger(save_dir, name="", version="logs")]


def tensorboard_loggers(save_dir: str, resume: bool = False) -> list[Logger]:
    """Log to CSV and TensorBoard: `tensorboard --logdir outputs` shows every run.

    Args:
        save_dir: folder of the run.
        resume: whether the run goes on; the program says so.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """
    try:
        board = TensorBoardLogger(save_dir, name="", version="tensorboard")
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorboard", "tensorboard") from error
    return [*csv_loggers(save_dir), board]


def wandb_loggers(
    save_dir: str,
    resume: bool = False,
    project: str | None = None,
    entity: str | None = None,
    name: str | None = None,
    group: str | None = None,
    sweep_dir: str | None = None,
    tags: Sequence[str] = (),
    offline: bool | None = None,
) -> list[Logger]:
    """Log to CSV and Weights & Biases, whose files lie in <save_dir>/wandb.

    Args:
        save_dir: folder of the run.
        resume: whether the run goes on, as the same W&B run; the program says so.
        project: name of the project; WANDB_PROJECT, else "medxpert", when None.
        entity: user or team; WANDB_ENTITY, else the key's own, when None.
        name: name of the run; that of its folder when None.
        group: gathers runs; when None, the name of `sweep_dir` for a run below it.
        sweep_dir: where a sweep's runs lie.
        tags: labels of the run.
        offline: True never sends, False needs a key, None decides by WANDB_MODE, else by WANDB_API_KEY.

    Raises:
        ConfigError: there is no key although the run is to be sent, or WANDB_MODE is none of W&B's.
    """
    folder = Path(save_dir).resolve()
    swept = sweep_dir is not None and folder.is_relative_to(Path(sweep_dir).resolve())
    run = WandbRun(
        folder,
        (_kept_id(folder) if resume else None) or secrets.token_hex(4),
        mode=_mode(offline),
        project=project or os.environ.get("WANDB_PROJECT", "medxpert"),
        entity=entity,
        name=name or folder.name,
        group=group or (Path(str(sweep_dir)).name if swept else None),
        tags=list(tags),
    )
    run.from_folders = {key for key, given in (("name", name), ("group", group)) if given is None}
    return [*csv_loggers(save_dir), run]


def _kept_id(folder: Path) -> str | None:
    """Return the id of the W&B run whose files lie in a run's folder, the newest if there are several."""
    kept = sorted(folder.glob("wandb/*run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime)
    return kept[-1].stem.removeprefix("run-") if kept else None


def _mode(offline: bool | None) -> Mode:
    asked = os.environ.get("WANDB_MODE") or ("online" if "WANDB_API_KEY" in os.environ else "offline")
    if offline is not None:
        asked = "offline" if offline else "online"
    if asked not in _MODES:
        raise ConfigError(f"WANDB_MODE={asked}: expected online, offline or disabled")
    if _MODES[asked] == "online" and not _has_key():
        raise ConfigError(
            "logger.offline=false or WANDB_MODE=online sends to W&B, which needs a key: set WANDB_API_KEY or run "
            "`wandb login`; without a key leave it out and send later with `wandb sync`"
        )
    return _MODES[asked]


def _has_key() -> bool:
    """Look where `wandb` looks for a key: in the environment and in the file that `wandb login` writes."""
    if {"WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"} & os.environ.keys():
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).netloc
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def log_config(loggers: Sequence[Logger], config: Mapping[str, Any], choices: Mapping[str, str], policy: str) -> None:
    """Tell the loggers that show configurations what the run is made with, as far as its policy allows.

    Args:
        loggers: of the run.
        config: resolved, without secrets.
        choices: group -> the choice that the configuration was composed from.
        policy: the strictest of the data and the starting weights.
    """
    is_open = may_leave(policy, "logger")
    chosen = {group: choices[group] for group in _GROUPS if group in choices and (is_open or group != "data")}
    shown = {**loggable(config, policy), "choices": chosen, "policy": policy, "version": code()["version"]}
    for one in loggers:
        if isinstance(one, WandbRun) and not is_open:
            one.forget_folders()
        if isinstance(one, WandbRun | TensorBoardLogger):
            one.log_hyperparams(shown)


@contextmanager
def closing(loggers: Sequence[Logger]) -> Iterator[None]:
    """Close the loggers that hold a run open: as finished, or as failed if the block raises."""
    exit_code = 1
    try:
        yield
        exit_code = 0
    except MedXpertError as error:
        exit_code = error.exit_status
        raise
    finally:
        for one in loggers:
            if isinstance(one, WandbRun):
                one.close(exit_code)
