"""What a job of a sweep tells about itself in its folder, for the process that lists the jobs, which is another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from medxpert.config.ranks import own_rank
from medxpert.config.reporting import exit_status, lines
from medxpert.errors import ConfigError, MedXpertError
from medxpert.folders import read_json, write_json

JOB = "job.json"
NUMBER = "MEDXPERT_SWEEP_JOB"
"""Environment variable that holds the number of the job, in all of its processes."""

Status = Literal["running", "finished", "failed", "pruned", "interrupted"]


class Pruned(MedXpertError):
    """A job that is not worth going on with; no failure."""

    exit_status = 0


class JobRecord(NamedTuple):
    """What became of a job.

    Attributes:
        number: within its sweep, from 0.
        status: `running` of a job that is over means that its process was killed.
        reason: why it did not finish, one line per fault.
        exit_status: of its process, had it been one of its own.
    """

    number: int
    status: Status
    reason: str = ""
    exit_status: int = 0

    def write(self, folder: Path) -> None:
        """Write job.json.

        Raises:
            ConfigError: it cannot be written.
        """
        write_json(folder / JOB, self._asdict())


def read_record(folder: Path) -> JobRecord:
    """Read job.json.

    Raises:
        DataError: it is missing or broken.
    """
    return JobRecord(**read_json(folder / JOB))


def is_swept() -> bool:
    """Tell whether this process works on a job of a sweep."""
    return NUMBER in os.environ


@contextmanager
def recorded(folder: Path) -> Iterator[None]:
    """Keep job.json up to date around a job of a sweep; does nothing outside one, and on ranks above 0."""
    if not is_swept() or own_rank():
        yield
        return
    number = int(os.environ[NUMBER])
    JobRecord(number, "running").write(folder)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        with suppress(ConfigError):  # The reason for the end matters more than that it cannot be written down.
            JobRecord(number, _status(error), "\n".join(lines(error)), exit_status(error)).write(folder)
        raise
    JobRecord(number, "finished").write(folder)


def _status(error: BaseException) -> Status:
    if isinstance(error, Pruned):
        return "pruned"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
