"""One job of a sweep as a command of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import read_write

_SWEEP_ONLY = ("hydra.mode=", "hydra.run.dir=", "hydra.sweep", "hydra.launcher", "hydra/")


class Script(NamedTuple):
    """How a sweep was started: a file, or a module with `python -m`, and what stood after it."""

    path: str
    module: str | None
    arguments: tuple[str, ...]

    @classmethod
    def current(cls) -> Script:
        """Return the one that runs now."""
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        return cls(os.path.abspath(sys.argv[0]), spec.name if spec else None, tuple(sys.argv[1:]))

    def start(self) -> list[str]:
        """Return the words that start it once more, without arguments."""
        return [sys.executable, "-m", self.module] if self.module else [sys.executable, self.path]

    def job(self, task: Sequence[str], hydra: Sequence[str]) -> list[str]:
        """Return the arguments of one job; its folder is left to the caller.

        Args:
            task: overrides of the job.
            hydra: overrides of Hydra's own settings.
        """
        known = get_args_parser().parse_args(list(self.arguments))
        flags = [word for word in self.arguments if word not in (*known.overrides, "-m", "--multirun")]
        return [*task, *(override for override in hydra if not override.startswith(_SWEEP_ONLY)), *flags]


@contextmanager
def apart_from_the_sweep(script: Script, environment: dict[str, str]) -> Iterator[None]:
    """Let processes that re-execute `sys.argv` run this one job, in its folder, instead of the whole sweep.

    What a job leaves in the environment, such as the rank of a distributed process, ends with it.

    Args:
        script: of the command; in the process of another launcher `sys.argv` names the launcher's.
        environment: variables of the job.
    """
    before, argv, main = dict(os.environ), sys.argv[:], sys.modules["__main__"]
    spec = main.__spec__
    job: Any = HydraConfig.get()
    with read_write(job):
        job.run.dir = job.runtime.output_dir
    sys.argv[:] = [script.path, *script.job(job.overrides.task, job.overrides.hydra)]
    if script.module is None:
        main.__spec__ = None
    os.environ.update(environment)
    try:
        yield
    finally:
        sys.argv[:], main.__spec__ = argv, spec
        os.environ.clear()
        os.environ.update(before)
