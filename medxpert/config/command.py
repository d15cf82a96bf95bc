"""Makes a command of a function that takes a configuration: overrides, sweeps, errors and exit status."""

from __future__ import annotations

import functools
import logging
import os
import sys
import tomllib
import traceback
from argparse import ArgumentError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, read_write
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from yaml import YAMLError

from medxpert.config.check import check
from medxpert.config.failures import explain
from medxpert.config.overrides import rewrite
from medxpert.config.resolvers import register
from medxpert.config.schema import Schema, conf_folder, read_schema
from medxpert.errors import ConfigError, MedXpertError

Main = Callable[[DictConfig], None]

_INTERRUPTED = 130
_SWEEP_ONLY = ("hydra.mode=", "hydra.sweep", "hydra.launcher", "hydra/")


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
                _exit(error)

        return run

    return decorate


def _run(main: Main, name: str, conf: Path) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Exceptions reach us instead of being printed.
    register()
    _log_to_stderr()
    if "--version" in sys.argv[1:]:
        sys.stdout.write(f"medxpert {version()}\n")
        return
    try:
        schema = read_schema(conf, name)
        groups = schema.groups | {folder.name for folder in conf.iterdir() if folder.is_dir()}
        sys.argv[1:] = _arguments(sys.argv[1:], groups)
        hydra.main(config_path=str(conf), config_name=name, version_base="1.3")(_job(main, schema))()
    except (HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError) as error:
        raise explain(error) from error


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
    return [rewrite(override, groups) for override in known.overrides] + flags


def _job(main: Main, schema: Schema) -> Main:
    """Wrap `main` with the check and the report of its failure."""

    @functools.wraps(main)
    def job(cfg: DictConfig) -> None:
        swept = HydraConfig.get().mode == RunMode.MULTIRUN
        try:
            with _apart_from_the_sweep() if swept else nullcontext():
                check(cfg, schema)
                main(cfg)
        except (Exception, KeyboardInterrupt) as error:
            _discard_if_empty(Path(HydraConfig.get().runtime.output_dir))
            if not swept or isinstance(error, KeyboardInterrupt):
                _exit(error)
            _report(error, f"job {HydraConfig.get().job.num}: ")
            raise _failed_job(error) from error

    return job


@contextmanager
def _apart_from_the_sweep() -> Iterator[None]:
    """Let processes that re-execute `sys.argv` run this one job, in its folder, instead of the whole sweep.

    What a job leaves in the environment, such as the rank of a distributed process, ends with it.
    """
    environment, argv = dict(os.environ), sys.argv[:]
    job: Any = HydraConfig.get()
    with read_write(job):
        job.run.dir = job.runtime.output_dir
    overrides = [*job.overrides.task, *(o for o in job.overrides.hydra if not o.startswith(_SWEEP_ONLY))]
    known = get_args_parser().parse_args(argv[1:])
    flags = [word for word in argv[1:] if word not in (*known.overrides, "-m", "--multirun")]
    sys.argv[1:] = overrides + flags
    try:
        yield
    finally:
        sys.argv[:] = argv
        os.environ.clear()
        os.environ.update(environment)


def _failed_job(error: Exception) -> MedXpertError:
    """Stand for an exception that has been reported, so that the sweep ends with its exit status."""
    failed = MedXpertError(f"job {HydraConfig.get().job.num} of the sweep failed")
    failed.exit_status = _exit_status(error)
    return failed


def _discard_if_empty(folder: Path) -> None:
    """Remove the folder made for a run that wrote nothing."""
    if folder != Path.cwd():
        with suppress(OSError):
            folder.rmdir()


def _exit(error: BaseException) -> NoReturn:
    _report(error)
    raise SystemExit(_exit_status(error)) from None


def _exit_status(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    return error.exit_status if isinstance(error, MedXpertError) else 1


def _report(error: BaseException, prefix: str = "") -> None:
    """Write one line per fault to stderr, after the traceback if MEDXPERT_DEBUG=1."""
    if os.environ.get("MEDXPERT_DEBUG") == "1":
        traceback.print_exception(error)
    console = Console(stderr=True, highlight=False, emoji=False)
    for line in _lines(error):
        console.print(f"[bold red]error:[/] {escape(prefix + line)}", soft_wrap=True)


def _lines(error: BaseException) -> list[str]:
    if isinstance(error, KeyboardInterrupt):
        return ["interrupted"]
    if isinstance(error, MedXpertError):
        return str(error).splitlines()
    message = " ".join(str(error).split())
    return [f"unexpected {type(error).__name__}: {message} (set MEDXPERT_DEBUG=1 for the traceback)"]


def _log_to_stderr() -> None:
    """Send log records to stderr, in colours on a terminal and as plain lines elsewhere."""
    handler: logging.Handler = logging.StreamHandler()
    if sys.stderr.isatty():
        handler = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="%H:%M:%S")
    logging.basicConfig(format="%(message)s", handlers=[handler], force=True)
    for name in ("medxpert", "hydra._internal.core_plugins", "hydra_plugins"):  # Others: warnings only.
        logging.getLogger(name).setLevel(logging.INFO)


def version() -> str:
    """Return the version of the installed package, or of the checkout that is run without installing it."""
    try:
        return installed_version("medxpert")
    except PackageNotFoundError:
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"])
