"""The training step against open_clip's model in Lightning, which pads every text to 77 tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from flops import step_flops
from limits import matmul_gflops
from sides import train_ours, train_stock
from stock import FROZEN, steps
from timing import Row, exponent, peaks
from torch.utils.data import DataLoader
from training import Apart, Setting, compare

from medxpert.config.hardware import has_bf16
from medxpert.data.batch import Batch
from medxpert.datamodule import DataModule

_BATCH, _SIZES = 16, (4, 8, 16)
_QUICK_SIZES = (2, 4, 8)
_TURNS, _STEPS = 3, 2


class Sides(NamedTuple):
    """Seconds of the steps of both ways, by turns."""

    ours: list[float]
    stock: list[float]
    lowered: list[float]
    """Of the stock way in bf16-mixed, where the processor has instructions for it that are slow; else empty."""


def train_step(quick: bool) -> Row:
    """Measure the step with nothing cached."""
    with TemporaryDirectory() as name:
        setting = Setting(quick, Path(name))
        return row("train_step", 2.0, setting, lambda size: (setting.module(), setting.data(size)), step_flops)


def row(
    name: str,
    target: float,
    setting: Setting,
    make: Callable[[int], tuple[pl.LightningModule, DataModule]],
    flops: Callable[..., float],
    notes: Sequence[str] = (),
) -> Row:
    """Measure steps of a module and a data module, made for a batch size, against the stock way."""
    batches = list(setting.data(_BATCH).train_dataloader())
    same = compare(setting, batches[0], setting.module())
    sides = _by_turns(setting, *make(_BATCH), batches)
    ours, stock = _BATCH / median(sides.ours), _BATCH / median(sides.stock)
    needed = sum(flops(setting.architecture, (FROZEN, FROZEN), len(b.rows), _lengths(b)) for b in batches)
    limit = matmul_gflops(setting.dtype) * 1e9 / (needed / sum(len(batch.rows) for batch in batches))
    return Row(
        name=name,
        work=f"a training step of {setting.architecture.name}, batch {_BATCH}, {FROZEN} + {FROZEN} blocks frozen",
        stock_way=f"open_clip's model in Lightning, {setting.precision}, 77 tokens",
        ratio=ours / stock,
        target=target,
        ours=ours,
        stock=stock,
        unit="samples/s",
        limit=f"matmul peak, {setting.dtype}, over the operations that the step needs",
        value=limit,
        share_of_limit=ours / limit,
        peak_memory_mb=_memory(setting, batches, name == "train_step_cached"),
        growth=_growth(setting, make),
        notes=(*_notes(same, needed / len(batches), batches), *_against_bf16(sides), *notes),
    )


def _by_turns(setting: Setting, module: pl.LightningModule, data: DataModule, batches: Sequence[Batch]) -> Sides:
    turns, count = (1, 1) if setting.quick else (_TURNS, _STEPS)
    sides = Sides([], [], [])
    for turn in range(turns):
        shown = [setting.padded(batch) for batch in batches[turn * (count + 1) :][: count + 1]]
        data.load_state_dict({"place": (0, turn * (count + 1)), "made_of": data._made_of()})
        stock = setting.stock, DataLoader(shown, batch_size=None)
        ways = [(sides.ours, module, data, setting.precision), (sides.stock, *stock, setting.precision)]
        if has_bf16() and setting.precision == "32-true":
            ways.append((sides.lowered, *stock, "bf16-mixed"))
        for taken, way, seen, precision in ways[:: -1 if turn % 2 else 1]:
            taken += steps(way, seen, count, precision)
    return sides


def _memory(setting: Setting, batches: Sequence[Batch], cached: bool) -> dict[str, float]:
    """Train with either way in a process of its own; the other's batches lie in a file."""
    shown, count = setting.folder / "shown.pt", 1 if setting.quick else 2
    torch.save([setting.padded(batch) for batch in batches[: count + 1]], shown)
    own = setting.quick, str(setting.folder), _BATCH, count, cached
    other = setting.architecture, str(setting.weights), str(shown), count, setting.precision
    return peaks(partial(train_ours, *own), partial(train_stock, *other))


def _growth(setting: Setting, make: Callable[[int], tuple[pl.LightningModule, DataModule]]) -> dict[str, float]:
    sizes, count = (_QUICK_SIZES, 1) if setting.quick else (_SIZES, 2)
    taken = [median(steps(*make(size), count, setting.precision)) for size in sizes]
    return {**{str(size): one for size, one in zip(sizes, taken, strict=True)}, "exponent": exponent(sizes, taken)}


def _lengths(batch: Batch) -> list[int]:
    return (batch.tokens.argmax(dim=-1) + 1).tolist()


def _notes(same: Apart, needed: float, batches: Sequence[Batch]) -> tuple[str, ...]:
    lengths = torch.tensor([length for batch in batches for length in _lengths(batch)], dtype=torch.float32)
    return (
        f"compared first: embeddings differ by {same.embeddings:.1e} at most, losses by {same.loss:.1e}, "
        f"gradients have cosine {same.gradients:.6f}",
        f"texts have {lengths.mean():.0f} tokens on average, as reports of the Indiana University collection do; the "
        f"step needs {needed / 1e9:.3g} GFLOP",
    )


def _against_bf16(sides: Sides) -> Iterator[str]:
    if sides.lowered:
        faster, slower = (median(sides.lowered) / median(one) for one in (sides.ours, sides.stock))
        yield (
            f"open_clip's step in bf16-mixed, which the target was set for, takes {median(sides.lowered):.3g} s: ours "
            f"is {faster:.2f} times as fast as that; open_clip's takes {slower:.2f} times as long as in float32"
        )


ROWS = {"train_step": train_step}
