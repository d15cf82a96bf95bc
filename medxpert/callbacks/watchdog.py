"""Ends a training in which nothing moves any more, and names the rank that the others wait for."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import pytorch_lightning as pl

from medxpert.callbacks.saving import how_to_go_on
from medxpert.errors import ConfigError, MedXpertError
from medxpert.folders import read_json, write_json
from medxpert.ranks import kill, leave

_LONGEST_PAUSE_SECONDS = 5.0
_PAUSES = 10
"""Looks within the limit, at least."""


@dataclass
class Beat:
    """What a rank tells the others.

    Attributes:
        progress: grows with everything that the rank gets done; equal on ranks that have done the same.
        ticks: grows while the process runs, even if nothing gets done.
        waits: the main thread is in a call that needs the other ranks.
    """

    step: int = 0
    doing: str = "starting"
    progress: int = 0
    ticks: int = 0
    where: str = ""
    waits: bool = False
    process: int = 0
    host: str = ""


class Quiet(NamedTuple):
    """A rank's last beat, and for how many seconds it has got nothing done and not run at all."""

    beat: Beat
    idle_seconds: float = 0.0
    frozen_seconds: float = 0.0

    def after(self, beat: Beat, seconds: float) -> Quiet:
        """Take account of what was read `seconds` later."""
        idle = self.idle_seconds + seconds if beat.progress == self.beat.progress else 0.0
        return Quiet(beat, idle, self.frozen_seconds + seconds if beat.ticks == self.beat.ticks else 0.0)


def verdict(ranks: Mapping[int, Quiet], limit_seconds: float) -> list[int] | None:
    """Return the ranks that hold the others up, all if none stands out; None while any rank gets on."""
    if not ranks or min(rank.idle_seconds for rank in ranks.values()) < limit_seconds:
        return None
    frozen = [number for number, rank in ranks.items() if rank.frozen_seconds > limit_seconds / 2]
    least = min(rank.beat.progress for rank in ranks.values())
    behind = [number for number, rank in ranks.items() if rank.beat.progress == least]
    busy = [number for number in behind if not ranks[number].beat.waits]
    return sorted(frozen or busy or behind)


def told(ranks: Mapping[int, Quiet], guilty: list[int], limit_seconds: float) -> str:
    """Name the ranks that hold the others up, and what they were doing."""
    others = sorted(set(ranks) - set(guilty))
    step = max(rank.beat.step for rank in ranks.values()) + 1
    names = f"{_names(guilty)} {'has' if len(guilty) == 1 else 'have'}" if len(ranks) > 1 else "the training has"
    first = ranks[guilty[0]]
    frozen = first.frozen_seconds > limit_seconds / 2
    state = "its process is stopped or gone" if frozen else f"{first.beat.doing}, in {first.beat.where}"
    waiting = f"; {_names(others)} {'waits' if len(others) == 1 else 'wait'} for it" if others else ""
    return f"{names} not finished step {step} for {limit_seconds / 60:g} minutes ({state}){waiting}"


def _names(ranks: list[int]) -> str:
    return ("rank " if len(ranks) == 1 else "ranks ") + ", ".join(map(str, ranks))


class Watchdog(pl.Callback):
    """Ends every process, with status 1, when no rank has got anything done for a while.

    Each rank notes what it does; a thread writes it to a file in the run's folder and reads the others' files, every
    few seconds. Time in which this process itself was stopped (Ctrl-Z) does not count.

    Args:
        folder: of the run.
        minutes: without a step, a validation batch or a checkpoint; 0 or None never ends anything. Lightning's process
            groups give up, without naming a rank, after 30.

    Raises:
        ConfigError: minutes is negative.
    """

    def __init__(self, folder: str, minutes: float | None = 15.0) -> None:
        if minutes is not None and minutes < 0:
            raise ConfigError(f"callbacks.watchdog.minutes={minutes} must be at least 0")
        self._folder, self._limit_seconds = Path(folder), 60.0 * (minutes or 0.0)
        self._beat = Beat(process=os.getpid(), host=socket.gethostname())
        self._seen: dict[int, Quiet] = {}
        self._rank, self._world_size = 0, 1
        self._over, self._thread = threading.Event(), threading.Thread()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Begin to watch."""
        self._end()  # before the others begin, so that what a killed training left is not taken for theirs
        if not self._limit_seconds:
            return
        self._folder = Path(trainer.strategy.broadcast(str(self._folder)))
        self._rank, self._world_size = trainer.global_rank, trainer.world_size
        self._over, self._seen = threading.Event(), {}
        self._thread = threading.Thread(target=self._watch, args=(self._over,), daemon=True, name="medxpert-watchdog")
        self._thread.start()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Stop watching."""
        self._end()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Stop watching."""
        self._end()

    def _end(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        for path in self._folder.glob(_file_name("*")) if self._rank == 0 else [self._file(self._rank)]:
            path.unlink(missing_ok=True)

    def _note(self, trainer: pl.Trainer, doing: str) -> None:
        self._beat.step, self._beat.doing = trainer.global_step, doing
        self._beat.progress += 1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The first batch is fetched next."""
        self._note(trainer, "loading a batch")

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """A batch has come."""
        self._note(trainer, "learning from a batch")

    def on_before_backward(self, trainer: pl.Trainer, *args: Any) -> None:
        """The loss is known."""
        self._note(trainer, "learning from a batch")

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """A batch is learnt from; a checkpoint and the next batch follow."""
        self._note(trainer, "loading a batch")

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The first batch is fetched next."""
        self._note(trainer, "validating")

    def on_validation_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """A batch has come."""
        self._note(trainer, "validating")

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """A batch is embedded."""
        self._note(trainer, "validating")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Everything is measured."""
        self._note(trainer, "loading a batch")

    def on_save_checkpoint(self, trainer: pl.Trainer, *args: Any) -> None:
        """The state is gathered; it is written next."""
        self._note(trainer, "writing a checkpoint")

    def _file(self, rank: int) -> Path:
        return self._folder / _file_name(rank)

    def _watch(self, over: threading.Event) -> None:
        pause = min(_LONGEST_PAUSE_SECONDS, self._limit_seconds / _PAUSES)
        # the first rank speaks for all; another one only if it cannot
        patience = self._limit_seconds if self._rank == 0 else self._limit_seconds + 3 * pause
        before = monotonic()
        while not over.wait(pause):
            seconds, before = min(monotonic() - before, 2 * pause), monotonic()
            self._tell()
            self._look(seconds)
            guilty = verdict(self._seen, patience)
            if guilty is not None:
                self._finish(told(self._seen, guilty, self._limit_seconds))
                break

    def _tell(self) -> None:
        self._beat.ticks += 1
        self._beat.where, self._beat.waits = _place_of_main_thread()
        with suppress(MedXpertError):  # a full disk is told by what the run cannot do without
            write_json(self._file(self._rank), asdict(self._beat))

    def _look(self, seconds: float) -> None:
        for rank in range(self._world_size):
            with suppress(MedXpertError, TypeError):
                beat = Beat(**asdict(self._beat)) if rank == self._rank else Beat(**read_json(self._file(rank)))
                self._seen[rank] = self._seen.get(rank, Quiet(beat)).after(beat, seconds)

    def _finish(self, line: str) -> None:
        hint = "if it was only slow, raise callbacks.watchdog.minutes"
        sys.stderr.write(f"error: {line}; {hint}; {how_to_go_on(self._folder)}\n")
        sys.stderr.flush()
        own = self._beat
        beats = [rank.beat for rank in self._seen.values()]
        kill([beat.process for beat in beats if beat.host == own.host and beat.process != own.process])
        for path in self._folder.glob(_file_name("*")):
            path.unlink(missing_ok=True)
        leave(1)


def _file_name(rank: int | str) -> str:
    return f".heartbeat-of-rank-{rank}.json"


def _place_of_main_thread() -> tuple[str, bool]:
    """Return where the main thread is, and whether that is a call that needs other ranks."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    if frame is None:
        return "unknown", False
    file = "/".join(Path(frame.f_code.co_filename).parts[-2:])
    return f"{file}:{frame.f_lineno} {frame.f_code.co_name}", "distributed" in file
