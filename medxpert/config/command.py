"""Makes a command of a function that takes a configuration: overrides, sweeps, errors and exit status."""

from __future__ import annotations

import functools
import os
import sys
import tomllib
from argparse import ArgumentError
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

import hydra
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
from medxpert.config.schema import Schema, conf_folder, read_schema
from medxpert.errors import ConfigError, MedXpertError

Main = Callable[[DictConfig], None]


def command(name: str, conf: Path | None = None) -> Callable[[Main], Callable[[], None]]:
    """Make a command of `main(cfg)`: `@command("train")` reads `conf/train.yaml` and the command line.

    The configuration is checked before `main` sees it. Every failure becomes one line per fault on stderr and the
    exit status of its kind; MEDXPERT_DEBUG=1 adds the traceback.

    Args:
        name: name of the primary YAML.
        conf: folder of the YAML groups, the project's own by default.
    """

    def decorate(main: Main) -> Callable[[], None]:
        @functools.wraps(main)
        def run() -> None:
            try:
                _run(main, name, conf or conf_folder())
            except (Exception, KeyboardInterrupt) as error:  # The outermost frame: nobody else can report it.
                leave(error, common=True)

        return run

    return decorate


def _run(main: Main, name: str, conf: Path) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Exceptions reach us instead of being printed.
    register()
    log_to_stderr()
    if "--version" in sys.argv[1:]:
        sys.stdout.write(f"medxpert {version()}\n")
        return
    try:
        schema = read_schema(conf, name)
        groups = schema.groups | {folder.name for folder in conf.iterdir() if folder.is_dir()}
        sys.argv[1:] = _arguments(sys.argv[1:], groups)
        sweeper.announce()
        job = _job(main, schema, Script.current())
        hydra.main(config_path=str(conf), config_name=name, version_base="1.3")(job)()
    except (HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError) as error:
        raise explain(error, conf) from error
    except RuntimeError as error:  # submitit's
        if not is_refusal(error):
            raise
        raise explain(error, conf) from error


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


def _job(main: Main, schema: Schema, script: Script) -> Main:
    """Wrap `main` with the check and the report of its failure."""

    @functools.wraps(main)
    def job(cfg: DictConfig) -> None:
        register()  # This may be a process that a launcher of Hydra's started.
        common, folder = True, Path(HydraConfig.get().runtime.output_dir)
        try:
            with _surroundings(schema, script), recorded(folder):
                check(cfg, schema)
                common = False
                main(cfg)
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


def version() -> str:
    """Return the version of the installed package, or of the checkout that is run without installing it."""
    try:
        return installed_version("medxpert")
    except PackageNotFoundError:
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"])
