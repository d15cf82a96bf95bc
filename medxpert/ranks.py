"""The processes of one training on this machine: who started whom, who died, and how to end them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import NoReturn

from medxpert.errors import DataError, MedXpertError
from medxpert.folders import read_json, write_json

INTERRUPTED = 130
"""Exit status of what a signal asked to end."""
_PARENT = "MEDXPERT_PARENT"
"""Variable by which a rank knows the process that started it."""


class Ranks:
    """What the first rank of a machine started, or what started this rank; other launchers look after their own.

    Args:
        folder: of the run, where a rank leaves the error that the first one tells.
    """

    def __init__(self, folder: Path) -> None:
        started = os.environ.get("LOCAL_RANK", "0") != "0"
        self.parent = int(os.environ[_PARENT]) if started and _PARENT in os.environ else None
        """Process id of the rank that started this one."""
        self._folder = folder
        self._children: dict[int, Popen[bytes]] = {}
        if self.parent is None:
            os.environ[_PARENT] = str(os.getpid())

    @property
    def started(self) -> bool:
        """Whether this process has started others."""
        return bool(self._children)

    def orphaned(self) -> bool:
        """Tell whether the rank that started this one is gone."""
        return self.parent is not None and os.getppid() != self.parent

    def adopt(self, started: list[Popen[bytes]], first: int) -> None:
        """Take processes over from Lightning, whose observer would kill this one without a word if one of them dies.

        Args:
            started: emptied, for that observer looks at the same list.
            first: rank of this process.
        """
        while started:
            self._children[first + 1 + len(self._children)] = started.pop(0)

    def fault(self, place: str) -> MedXpertError | None:
        """Return why a started rank has failed, if one has.

        Args:
            place: follows the name of a rank that left no error.
        """
        for rank, child in self._children.items():
            if child.poll() not in (None, 0, INTERRUPTED):
                return self._reported(rank) or _error(f"rank {rank} {_death(child.returncode)}{place}", 1)
        return None

    def report(self, rank: int, error: BaseException) -> NoReturn:
        """End this rank with an error that the one that started it will tell."""
        if os.environ.get("MEDXPERT_DEBUG") == "1":
            traceback.print_exception(error)
        message, status = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}", 1
        if isinstance(error, MedXpertError):
            message, status = str(error), error.exit_status
        with suppress(MedXpertError):
            write_json(self._folder / _fault_file(rank), {"message": message, "status": status})
        leave(status)

    def _reported(self, rank: int) -> MedXpertError | None:
        path = self._folder / _fault_file(rank)
        if not path.is_file():
            return None
        with suppress(DataError, KeyError, OSError):
            told = read_json(path)
            path.unlink()
            return _error(f"rank {rank}: {told['message']}", told["status"])
        return None

    def end(self, patience_seconds: float) -> None:
        """Wait for the started ranks, then kill them."""
        for child in self._children.values():
            try:
                child.wait(patience_seconds)
            except TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        if self.parent is None:
            os.environ.pop(_PARENT, None)
            for path in self._folder.glob(_fault_file("*")):
                path.unlink(missing_ok=True)


def _fault_file(rank: int | str) -> str:
    return f".fault-of-rank-{rank}.json"


def _error(message: str, status: int) -> MedXpertError:
    error = MedXpertError(message)
    error.exit_status = status
    return error


def _death(status: int) -> str:
    return f"died (killed by signal {-status})" if status < 0 else f"ended with status {status}"


def kill(processes: Sequence[int]) -> None:
    """Kill processes, stopped ones too, and leave no zombie of those that this one has started."""
    for process in processes:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def leave(status: int) -> NoReturn:
    """End this process and its loader processes now, whatever its main thread waits for."""
    kill([worker.pid for worker in multiprocessing.active_children() if worker.pid])
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # a progress bar hides the cursor
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(status)
