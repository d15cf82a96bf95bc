"""Where does the time of a training step and of encoding go, ours and open_clip's?

$ python experiments/speed/profile_step.py              # ViT-B/32, batch 16: about 2 minutes on 2 cores
$ python experiments/speed/profile_step.py quick=true   # a trial on tiny sizes

Prints Markdown: the operations that take most of the processor's time themselves, without what they call.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from encoding import image_work, pixels, reports
from options import quick_or_nothing
from stock import fit
from stock_encoding import by_batches, text_rows
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader
from training import Setting

from medxpert.embedding import embed_texts

_BATCH = 16
_SHOWN = 10
_STEPS = 3


def trained(module: pl.LightningModule, data: Any, precision: str) -> profile:
    """Profile some training steps behind a first one."""
    found, seen = profile(activities=[ProfilerActivity.CPU]), 0

    def step() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            found.start()
        if seen == 1 + _STEPS:
            found.stop()

    fit(module, data, 1 + _STEPS, precision, step)
    return found


def encoded(encode: Callable[[], object]) -> profile:
    """Profile some batches of encoding behind a first one."""
    encode()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(_STEPS):
            encode()
    return found


def table(title: str, found: profile) -> str:
    """Return the heaviest operations, with the milliseconds of one step or batch that they take themselves."""
    events = sorted(found.key_averages(), key=lambda one: -one.self_cpu_time_total)
    total = sum(one.self_cpu_time_total for one in events)
    lines = [
        f"\n**{title}**, {total / _STEPS / 1000:.1f} ms of the main threads\n",
        "| operation | ms | share | calls |",
    ]
    lines.append("|---|---|---|---|")
    for one in events[:_SHOWN]:
        own = one.self_cpu_time_total
        lines.append(f"| `{one.key}` | {own / _STEPS / 1000:.1f} | {own / total:.0%} | {one.count / _STEPS:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the tables."""
    quick = quick_or_nothing(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        for title, found in profiles(Setting(quick, Path(name))):
            sys.stdout.write(table(title, found))


def profiles(setting: Setting) -> Iterator[tuple[str, profile]]:
    """Yield what the rows train_step, encode_image and encode_text time, ours and open_clip's."""
    model, stock = setting.model, setting.stock
    size = 4 if setting.quick else _BATCH
    shown = [setting.padded(one) for one in setting.data(size).train_dataloader()][: 1 + _STEPS]
    films, texts = pixels(setting.architecture, _BATCH, 0), reports(_BATCH).texts[:_BATCH]
    ready = model.image.embedding.pixels(torch.from_numpy(films)).contiguous()
    yield "A training step, MedXpert", trained(setting.module(), setting.data(size), setting.precision)
    yield "A training step, open_clip", trained(stock, DataLoader(shown, batch_size=None), setting.precision)
    other, images = stock.model.eval(), image_work(model, [films], _BATCH)
    ways: dict[str, Callable[[], object]] = {
        "images, MedXpert": lambda: images(0),
        "images, open_clip": lambda: by_batches(other.encode_image, ready, _BATCH),
        "texts, MedXpert": lambda: embed_texts(model, texts, _BATCH),
        "texts, open_clip": lambda: text_rows(other, texts, _BATCH),
    }
    for name, work in ways.items():
        yield f"Encoding {_BATCH} {name}", encoded(work)


if __name__ == "__main__":
    main()
