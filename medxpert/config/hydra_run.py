"""Has Hydra read the command line and compose the configuration, then checks it and runs a command's jobs."""

from __future__ import annotations

import functools
import os
import sys
from argparse import ArgumentError
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from medxpert.config import sweeper
from medxpert.config.alone import Script, apart_from_the_sweep
from medxpert.config.check import check
from medxpert.config.failures import explain, is_refusal
from medxpert.config.jobs import NUMBER, recorded
from medxpert.config.overrides import rewrite
from medxpert.config.ranks import outer_rank
from medxpert.config.reporting import exit_status, leave, log_to_stderr, report
from medxpert.config.resolvers import register
from medxpert.config.schema import Schema, read_schema
from medxpert.errors import ConfigError, MedXpertError

Main = Callable[[Any], None]
Keep = Callable[[DictConfig], Any]


def run(main: Main, name: str, conf: Path, kept: Keep | None = None) -> None:
    """Run a command as its command line says.

    Args:
        main: takes the configuration of a job.
        name: of the primary YAML.
        conf: folder of the YAML groups.
        kept: is told each configuration that passed the check, and returns what `main` takes in its place.

    Raises:
        MedXpertError: the command line or a YAML cannot be honoured.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Exceptions reach us instead of being printed.
    register()
    try:
        schema = read_schema(conf, name)
        groups = schema.groups | {folder.name for folder in conf.iterdir() if folder.is_dir()}
        sys.argv[1:] = _arguments(sys.argv[1:], groups)
        sweeper.announce()
        job = _job(main, schema, Script.current(), kept)
        with _sooner(sys.argv[1:], schema, (conf / f"{name}.yaml").read_text(encoding="utf-8")):
            hydra.main(config_path=str(conf), config_name=name, version_base="1.3")(job)()
    except (HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError) as error:
        raise explain(error, conf) from error
    except RuntimeError as error:  # submitit's
        if not is_refusal(error):
            raise
        raise explain(error, conf) from error


def _is_plain(arguments: Sequence[str], schema: Schema) -> bool:
    """Tell whether this is one run for certain: a command that knows no sweep, without flags and settings of Hydra."""
    return "sweep" not in schema.groups and not any(one.lstrip("+~").startswith(("-", "hydra")) for one in arguments)


@contextmanager
def _in_place_of(name: str, value: Any) -> Iterator[None]:
    """Replace a method of Hydra's that would only take time."""
    before = getattr(Hydra, name)
    setattr(Hydra, name, value)
    try:
        yield
    finally:
        setattr(Hydra, name, before)


def _sooner(arguments: Sequence[str], schema: Schema, help_page: str) -> AbstractContextManager[None]:
    """Leave out what Hydra does for nobody.

    It composes the configuration a first time only to find out whether this is a sweep, and lists all groups for
    help pages that do not show them.
    """
    if {"--help", "-h"} & set(arguments) and "CONFIG_GROUPS" not in help_page:
        return _in_place_of("format_config_groups", lambda *_, **__: "")
    return _in_place_of("get_mode", lambda *_, **__: None) if _is_plain(arguments, schema) else nullcontext()


def _arguments(arguments: Sequence[str], groups: frozenset[str]) -> list[str]:
    """Rewrite the overrides and put them first, since the parser takes only one unbroken series of them."""
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        known, unknown = parser.parse_known_intermixed_args(list(arguments))
    except ArgumentError as error:
        raise ConfigError(f"{error}; see --help") from error
    if unknown:
        raise ConfigError(f"unknown flag {unknown[0]}; values are set as key=value, see --help")
    flags = [word for word in arguments if word not in known.overrides]
    # The folder's name holds the time: rank 0 alone makes it, and tells the others where checkpoints go.
    nowhere = ["hydra.run.dir=."] if outer_rank() else []
    return [*nowhere, *(rewrite(override, groups) for override in known.overrides), *flags]


def _job(main: Main, schema: Schema, script: Script, kept: Keep | None) -> Main:
    """Wrap `main` with the check and the report of its failure."""

    @functools.wraps(main)
    def job(cfg: DictConfig) -> None:
        register()  # This may be a process that a launcher of Hydra's started.
        common, folder = True, Path(HydraConfig.get().runtime.output_dir)
        try:
            with _surroundings(schema, script), recorded(folder):
                check(cfg, schema)
                common = False
                main(kept(cfg) if kept else cfg)
        except (Exception, KeyboardInterrupt) as error:
            _discard_if_empty(folder)
            _end(error, common)

    return job


def _surroundings(schema: Schema, script: Script) -> AbstractContextManager[None]:
    """Return what a job of a sweep needs around it where a launcher of Hydra's calls it; nothing elsewhere."""
    number = _launched_number()
    if number is None:
        return nullcontext()
    log_to_stderr()
    return apart_from_the_sweep(script, {NUMBER: str(number)} if "sweep" in schema.groups else {})


def _launched_number() -> int | None:
    """Return the number of a job that a launcher of Hydra's calls within its own process."""
    job = HydraConfig.get().job
    return None if OmegaConf.is_missing(job, "num") else int(job.num)


def _end(error: BaseException, common: bool) -> None:
    """Leave the process; where it belongs to a launcher, raise what its sweep shall end with."""
    number = _launched_number()
    if number is None:
        leave(error, f"job {os.environ[NUMBER]}: " if NUMBER in os.environ else "", common)
    if isinstance(error, KeyboardInterrupt):
        raise error
    report(error, f"job {number}: ")
    if exit_status(error):
        failed = MedXpertError(f"job {number} of the sweep failed")
        failed.exit_status = exit_status(error)
        raise failed from error


def _discard_if_empty(folder: Path) -> None:
    """Remove the folder made for a run that wrote nothing."""
    if folder != Path.cwd():
        with suppress(OSError):
            folder.rmdir()
