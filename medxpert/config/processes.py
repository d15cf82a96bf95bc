"""Runs the jobs of a sweep as processes, and outlives them."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.utils import JobReturn, JobStatus

from medxpert.config.jobs import JOB, NUMBER, JobRecord, read_record

log = logging.getLogger(__name__)
_GLANCE_SECONDS, _PATIENCE_SECONDS = 0.1, 30.0


class Command(NamedTuple):
    """One job as a process.

    Attributes:
        number: of the job.
        folder: where it will leave its record.
        words: what starts it.
        shown: what sets it apart from the others.
    """

    number: int
    folder: Path
    words: tuple[str, ...]
    shown: str


def run_processes(commands: Sequence[Command], at_once: int) -> None:
    """Run processes, so many at a time, and wait for all; one that was killed is recorded as failed.

    Raises:
        KeyboardInterrupt: by Ctrl-C or SIGTERM, after those that run have been interrupted too.
    """
    running: list[tuple[Command, subprocess.Popen[bytes]]] = []
    with _terminated_as_interrupted():
        try:
            for command in commands:
                _wait_for(running, at_once - 1)
                log.info("job %d: %s", command.number, command.shown)
                environment = {**os.environ, NUMBER: str(command.number)}
                running.append((command, subprocess.Popen(command.words, env=environment)))
            _wait_for(running, 0)
        except KeyboardInterrupt:
            for _, process in running:
                process.terminate()  # a second Ctrl-C would end at once a job that stops behind its step
            for _, process in running:
                _end(process)
            raise


def _wait_for(running: list[tuple[Command, subprocess.Popen[bytes]]], left: int) -> None:
    """Wait until at most so many processes are left."""
    while True:
        ended = [one for one in running if one[1].poll() is not None]
        for command, process in ended:
            running.remove((command, process))
            _record_death(command, process.returncode)
        if len(running) <= left:
            return
        time.sleep(_GLANCE_SECONDS)


def _record_death(command: Command, status: int) -> None:
    """Write down what a process could not say any more."""
    known = (command.folder / JOB).is_file()
    if status == 0 or (known and read_record(command.folder).status != "running"):
        return
    reason = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    command.folder.mkdir(parents=True, exist_ok=True)
    JobRecord(command.number, "failed", reason, status if status > 0 else 1).write(command.folder)


def record_unheard(number: int, folder: Path) -> None:
    """Write down that a job was launched and never came to say that it runs."""
    if not (folder / JOB).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        JobRecord(number, "failed", "its process ended before it began; see the launcher's log", 1).write(folder)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end the jobs too."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def surviving_deaths() -> Iterator[None]:
    """Let submitit wait for all jobs even if the process of one has died, which it raises at the first."""
    try:
        from submitit.core import core
        from submitit.core.utils import FailedJobError, UncompletedJobError
    except ImportError:
        yield
        return
    waiting: Any = core.Job
    results = waiting.results

    def all_results(job: Any) -> list[Any]:
        try:
            return list(results(job))
        except (FailedJobError, UncompletedJobError) as error:
            log.warning("job %s: %s", job.job_id, str(error).strip().partition("\n")[0])
            return [JobReturn(status=JobStatus.FAILED, _return_value=error)]

    waiting.results = all_results
    try:
        yield
    finally:
        waiting.results = results
