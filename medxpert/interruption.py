"""Ends of a training that nobody planned: a signal, or a rank that fails. Told in one line, with nobody left behind."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from time import sleep
from types import FrameType
from typing import Any, NoReturn

import pytorch_lightning as pl
import torch.distributed as dist

from medxpert.callbacks.saving import how_to_go_on
from medxpert.callbacks.stopping import StopBehindStep, Stopped, Wish
from medxpert.distributed import world_size
from medxpert.errors import MedXpertError
from medxpert.ranks import INTERRUPTED, Ranks, leave
from medxpert.run import LAST

WARNINGS = [getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
"""A cluster's warnings; what started this process may have asked for one in order to requeue the job."""
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)] + WARNINGS
"""A Ctrl-C, a cluster's end of time, a closed terminal, a cluster's warnings."""
_PAUSE_SECONDS, _GRACE_SECONDS, _PATIENCE_SECONDS = 0.2, 10.0, 60.0
log = logging.getLogger(__name__)


class _AtOnce(BaseException):
    """A signal found the main thread where there is nothing to save."""


class Interruption:
    """Listens to signals and looks after the other ranks while a training runs.

    Python runs a signal handler only when the main thread is back from C code, which a rank that waits for another one
    in vain never is. A thread therefore reads the signals too, from a socket that C fills.
    """

    def __init__(self, folder: Path) -> None:
        self._wish = Wish(folder)
        self._trainer: pl.Trainer | None = None
        self._ranks = Ranks(folder)
        self._fault: MedXpertError | None = None
        self._found, self._over = threading.Event(), threading.Event()
        self._heard = self._ending = False
        self._before: dict[int, Any] = {}

    def attach(self, trainer: pl.Trainer) -> None:
        """Stop this trainer behind a step, and look after the ranks that it starts."""
        self._trainer = trainer
        trainer.callbacks.append(StopBehindStep(self._wish))  # type: ignore[attr-defined]
        # Lightning's own handler broadcasts to the other ranks from wherever the signal comes: a deadlock
        trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals and notice ranks that die."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._on_signal) or signal.SIG_DFL for number in heard}
        fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        thread = threading.Thread(target=self._watch, args=(ours,), daemon=True, name="medxpert-interruption")
        thread.start()
        try:
            yield
        finally:
            self._ending = True
            self._over.set()
            thread.join()
            signal.set_wakeup_fd(fd)
            for number, handler in self._before.items():
                signal.signal(number, handler)
            ours.close()
            theirs.close()

    def close(self, failed: bool) -> None:
        """Leave no process behind, and no group that a sweep's next job would find broken."""
        self._ranks.end(patience_seconds=0 if failed else _PATIENCE_SECONDS)
        if failed and dist.is_initialized() and dist.get_backend() == "gloo":
            with suppress(RuntimeError):
                dist.destroy_process_group()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._fault is None:
            self._wish.asked = True
            if number in WARNINGS:
                self._wish.warning = number
            if self._wish.stepping or self._ranks.parent is not None:
                return
        if not self._ending:
            self._ending = True
            raise _AtOnce

    def _watch(self, signals: socket.socket) -> None:
        while not self._over.is_set():
            if select([signals], [], [], _PAUSE_SECONDS)[0]:
                self._hear(signals.recv(64))
            if self._ranks.orphaned():
                leave(1)
            if self._trainer is not None and self._fault is None:
                self._look_after(self._trainer)

    def _look_after(self, trainer: pl.Trainer) -> None:
        """Take charge of the ranks that the trainer has started; end when one of them fails."""
        self._ranks.adopt(getattr(trainer.strategy.launcher, "procs", []), trainer.global_rank)
        self._fault = self._ranks.fault(self._place())
        if self._fault is None:
            return
        self._found.set()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        if not self._over.wait(_GRACE_SECONDS):
            self._leave(str(self._fault), self._fault.exit_status)

    def _hear(self, numbers: bytes) -> None:
        """Tell that a signal was heard; a second Ctrl-C ends at once."""
        for number in numbers:
            if number == signal.SIGINT and self._heard:
                self._leave(f"interrupted{self._place()}", INTERRUPTED)
            if number in SIGNALS and not self._heard:
                self._heard = True
                if self._wish.stepping and self._first:
                    log.warning("stopping behind this step; Ctrl-C once more ends at once")

    def _leave(self, line: str, status: int) -> NoReturn:
        """End at once, whatever the main thread does."""
        if self._first:
            sys.stderr.write(f"error: {line}\n")
        self._ranks.end(patience_seconds=0)
        leave(status)

    def _place(self) -> str:
        step = self._trainer.global_step if self._trainer is not None else 0
        known = step or (self._wish.folder / LAST).is_file()
        return (f" at step {step}" if step else "") + (f"; {how_to_go_on(self._wish.folder)}" if known else "")

    @property
    def _rank(self) -> int:
        return self._trainer.global_rank if self._trainer is not None else 0

    @property
    def _first(self) -> bool:
        return self._rank == 0

    def told(self, error: BaseException) -> BaseException:
        """Return what the training ends with after an error of this rank; a rank that was started does not return."""
        self._ending = True
        lost = world_size() > 1 and _is_lost_connection(error)
        # before a launcher sees a rank die, and asks the others to end
        stopped = isinstance(error, (_AtOnce, Stopped)) or (self._wish.asked and not isinstance(error, MedXpertError))
        if self._ranks.parent is not None:
            self._follow(error, lost, stopped)
        if lost and self._ranks.started:
            self._found.wait(_GRACE_SECONDS)
        if self._fault is not None and not isinstance(error, Stopped):
            return self._fault
        if stopped:
            self._pass_on(self._wish.warning)
            return KeyboardInterrupt(f"interrupted{self._place()}") if self._first else SystemExit(INTERRUPTED)
        if lost:
            return MedXpertError(f"rank {self._rank} lost the connection to another rank{self._place()}")
        return error

    def _pass_on(self, warning: int) -> None:
        """Call the handler that a warning had before this training; submitit's requeues the job and ends rank 0."""
        handler = self._before.get(warning)
        if callable(handler):
            handler(warning, None)
            if not self._first:
                sleep(_GRACE_SECONDS)  # a cluster may kill rank 0, which requeues, as soon as another one leaves

    def _follow(self, error: BaseException, lost: bool, stopped: bool) -> NoReturn:
        """End a rank that another one has started and ends with."""
        if stopped:
            leave(INTERRUPTED)
        if lost:
            sleep(2 * _GRACE_SECONDS)  # the parent finds who died, and ends this one
        self._ranks.report(self._rank, error)


def _is_lost_connection(error: BaseException) -> bool:
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


@contextmanager
def interruptible(folder: Path) -> Iterator[Interruption]:
    """Run a training, whose run is `folder`, so that whatever ends it is told in one line and ends every rank.

    Raises:
        KeyboardInterrupt: it was interrupted; the message says at which step and how to go on.
        MedXpertError: a rank died or failed; the message names it.
    """
    guard, failed = Interruption(folder), True
    try:
        with guard.listening():
            try:
                yield guard
            except BaseException as error:
                told = guard.told(error)
                if told is error:
                    raise
                raise told from error
        failed = False
    finally:
        guard.close(failed)


def _forget() -> None:
    """Let a forked loader process leave a Ctrl-C and a cluster's warnings to its parent and end by any other signal."""
    with suppress(ValueError):
        for number in SIGNALS:
            if isinstance(getattr(signal.getsignal(number), "__self__", None), Interruption):
                signal.set_wakeup_fd(-1)
                signal.signal(number, signal.SIG_IGN if number in (signal.SIGINT, *WARNINGS) else signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
