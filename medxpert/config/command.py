"""Makes a command of a function that takes a configuration: overrides, sweeps, errors and exit status."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medxpert.config.remembered import Remembered
from medxpert.config.reporting import leave, log_to_stderr
from medxpert.config.schema import conf_folder
from medxpert.config.settings import Settings

Main = Callable[[Any], None]


def command(name: str, conf: Path | None = None, plain: bool = False) -> Callable[[Main], Callable[[], None]]:
    """Make a command of `main(cfg)`: `@command("train")` reads `conf/train.yaml` and the command line.

    The configuration is checked before `main` sees it. Every failure becomes one line per fault on stderr and the
    exit status of its kind; MEDXPERT_DEBUG=1 adds the traceback.

    Args:
        name: name of the primary YAML.
        conf: folder of the YAML groups, the project's own by default.
        plain: hand `main` a `Settings` in place of a DictConfig, and remember it: the same command line is answered
            without Hydra for as long as no YAML, module or package changes.
    """

    def decorate(main: Main) -> Callable[[], None]:
        @functools.wraps(main)
        def run() -> None:
            try:
                _run(main, name, conf or conf_folder(), plain)
            except (Exception, KeyboardInterrupt) as error:  # The outermost frame: nobody else can report it.
                leave(error, common=True)

        return run

    return decorate


def _run(main: Main, name: str, conf: Path, plain: bool) -> None:
    log_to_stderr()
    if "--version" in sys.argv[1:]:
        sys.stdout.write(f"medxpert {version()}\n")
        return
    remembered = Remembered.of(name, conf, sys.argv[1:]) if plain else None
    settings = remembered.recall() if remembered else None
    if settings is None:
        from medxpert.config import hydra_run  # Hydra takes longer to load than many commands to run

        hydra_run.run(main, name, conf, remembered.keep if remembered else Settings.of if plain else None)
        return
    try:
        main(settings)
    except (Exception, KeyboardInterrupt) as error:
        leave(error)


def version() -> str:
    """Return the version of the installed package, or of the checkout that is run without installing it."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed_version

    try:
        return installed_version("medxpert")
    except PackageNotFoundError:
        import tomllib

        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"])
