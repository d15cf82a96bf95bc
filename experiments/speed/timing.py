"""How the speed study measures: time by turns in one process, medians after a warm-up; memory in a process a side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np


class Side(NamedTuple):
    """One way of doing the work."""

    seconds: float
    """Median of the repeats."""
    peak_mb: float
    """Most memory of the process while it ran. What both hold, such as libraries and inputs, is in both: a row says
    what `peaks` found."""


class Pair(NamedTuple):
    """The same work done by both."""

    ours: Side
    stock: Side

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.stock.seconds / self.ours.seconds

    @property
    def peak_memory_mb(self) -> dict[str, float]:
        """The peaks as a `Row` has them."""
        return {"ours": self.ours.peak_mb, "stock": self.stock.peak_mb}


class Alone(NamedTuple):
    """What a function did in a fresh process."""

    result: Any
    seconds: float
    """Without starting Python and importing the function's module."""
    peak_mb: float
    """Most memory of that process, Python and libraries included."""


class Row(NamedTuple):
    """One line of the table."""

    name: str
    work: str
    stock_way: str
    ratio: float
    target: float
    ours: float
    stock: float
    unit: str
    """Of `ours`, `stock` and `limit`, such as "samples/s"."""
    limit: str
    """What bounds it physically, such as "matmul peak, float32"."""
    value: float
    """Of the limit, in `unit`."""
    share_of_limit: float
    peak_memory_mb: dict[str, float]
    """Of "ours" and "stock"."""
    growth: dict[str, float]
    """Size -> seconds of ours, for three sizes at least, and "exponent", fitted."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge it."""
    reached: dict[str, bool] = {}  # noqa: RUF012
    """Further promises of this row -> whether they hold."""


def paired(ours: Callable[[int], object], stock: Callable[[int], object], repeats: int = 5, warmups: int = 1) -> Pair:
    """Do the work by turns, each time with the number of the repeat, by which inputs are chosen.

    The stock way goes first in odd repeats, so that what comes second gains nothing by it.
    """
    times: tuple[list[float], list[float]] = ([], [])
    most = [0.0, 0.0]
    for repeat in range(-warmups, repeats):
        turns = list(enumerate((ours, stock)))
        for side, work in turns[:: -1 if (repeat + warmups) % 2 else 1]:
            forget_peak()
            began = time.perf_counter()
            work(repeat + warmups)
            seconds = time.perf_counter() - began
            if repeat >= 0:
                times[side].append(seconds)
                most[side] = max(most[side], peak_mb())
    return Pair(*(Side(median(one), peak) for one, peak in zip(times, most, strict=True)))


def peaks(ours: Callable[..., Any], stock: Callable[..., Any], *arguments: object) -> dict[str, float]:
    """Return the most memory of each side in a fresh process, in MB, as a `Row` has it.

    Both are functions of a module's top level, or partials of them; their modules should import at the top nothing
    that only the other side needs, for it would count.
    """
    return {"ours": alone(ours, *arguments).peak_mb, "stock": alone(stock, *arguments).peak_mb}


def alone(function: Callable[..., Any], *arguments: object) -> Alone:
    """Call a function of a module's top level in a fresh process, so that nothing else's memory counts."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, function, arguments).result()


def _timed(function: Callable[..., Any], arguments: tuple[object, ...]) -> Alone:
    began = time.perf_counter()
    result = function(*arguments)
    return Alone(result, time.perf_counter() - began, peak_mb())


def forget_peak() -> None:
    """Let the peak of this process's memory begin at what it holds now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Return the most memory that this process held since `forget_peak`, in MB."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def grown(work: Callable[[int], object], sizes: Sequence[int], repeats: int = 3) -> dict[str, float]:
    """Time the work at several sizes after one warm-up each: size -> seconds, and the fitted exponent."""
    seconds = []
    for size in sizes:
        work(size)
        taken = []
        for _ in range(repeats):
            began = time.perf_counter()
            work(size)
            taken.append(time.perf_counter() - began)
        seconds.append(median(taken))
    return {**{str(size): one for size, one in zip(sizes, seconds, strict=True)}, "exponent": exponent(sizes, seconds)}


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the e of seconds = c x size^e, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
