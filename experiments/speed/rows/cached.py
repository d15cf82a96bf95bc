"""The training step of `rows.step` with what the frozen blocks make of the data taken from the disk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from flops import prefix_flops, step_flops
from rows.step import row
from stock import steps
from timing import Row
from torch import Tensor, nn
from training import Setting

from medxpert.data.batch import Batch
from medxpert.data.leaks import TRAIN
from medxpert.datamodule import DataModule
from medxpert.models.architecture import Architecture
from medxpert.module import ContrastiveModule
from medxpert.parts import prefix_cache
from medxpert.prefixes.cache import FOLDER
from medxpert.prefixes.files import STATES

_LEAST_COSINE = 0.999
_BATCH = 16


class Drift(NamedTuple):
    """How far a step on cached activations is from one that computes them."""

    embeddings: float
    """Least cosine of a row."""
    gradients: float
    """Cosine of all gradients."""


def train_step_cached(quick: bool) -> Row:
    """Measure the step with the frozen prefix of both towers cached."""
    with TemporaryDirectory() as name:
        setting = Setting(quick, Path(name))
        found, building = _drift(setting)
        size = _kilobytes(setting.folder, len(setting.data(_BATCH).stores[TRAIN]))
        notes = (
            f"against the step that computes the prefix: embeddings have cosine {found.embeddings:.6f} at least, "
            f"gradients {found.gradients:.6f}; the cache, in bfloat16, takes {size:.0f} kB a study",
        )
        measured = row("train_step_cached", 2.4, setting, lambda batch: made(setting, batch), cached_flops, notes)
        # behind the row, for it trains the model that the row compares
        whole = median(steps(setting.module(), setting.data(_BATCH), 1 if quick else 3, setting.precision)) / _BATCH
        return measured._replace(notes=(*measured.notes, _cost(building, whole - 1 / measured.ours)))


def _cost(building: float, saved: float) -> str:
    """Say what the cache costs, and when it pays.

    Args:
        building: seconds for each study.
        saved: seconds of the training for each study and epoch.
    """
    said = f"building the cache took {1000 * building:.3g} s per 1,000 studies"
    if saved <= 0:
        return f"{said}; a step gains nothing by it here"
    return (
        f"{said}, a step saves {1000 * saved:.3g} s of as many: it pays from epoch {math.floor(building / saved) + 1}"
    )


def cached_flops(architecture: Architecture, frozen: tuple[int, int], images: int, lengths: Sequence[int]) -> float:
    """Count what a step needs above the cached blocks; arguments as those of `step_flops`."""
    made = architecture, frozen, images, lengths
    return step_flops(*made) - prefix_flops(*made)


def made(setting: Setting, batch_size: int) -> tuple[ContrastiveModule, DataModule]:
    """Return the module and the data of train.py with model.cache_prefix=true."""
    module, data = setting.module(), setting.data(batch_size)
    trainer = pl.Trainer(
        accelerator="auto", devices=1, precision=setting.precision, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    data.prefixes = prefix_cache(module, data, trainer)
    return module, data


def _drift(setting: Setting) -> tuple[Drift, float]:
    """Build the cache, and compare one batch on it with the same one on pixels and tokens.

    Returns the seconds of building for each study too.

    Raises:
        ValueError: they are not the same training.
    """
    module, data = made(setting, _BATCH)
    began = perf_counter()
    data.prepare_data()
    building = (perf_counter() - began) / len(data.stores[TRAIN])
    cached = next(iter(data.train_dataloader()))
    plain = next(iter(setting.data(_BATCH).train_dataloader()))
    ours, theirs = (_backward(module, batch) for batch in (cached, plain))
    rows, gradients = ours.rows.double() * theirs.rows, (ours.gradients, theirs.gradients)
    found = Drift(rows.sum(dim=1).min().item(), nn.functional.cosine_similarity(*gradients, dim=0).item())
    if not torch.equal(cached.rows, plain.rows) or min(found) < _LEAST_COSINE:
        raise ValueError(f"not the same training: {found}")
    return found, building


class _Backward(NamedTuple):
    rows: Tensor
    gradients: Tensor


def _backward(module: ContrastiveModule, batch: Batch) -> _Backward:
    """Return all embeddings of a batch, images first, and the gradients of its loss in one row."""
    model = module.model
    model.zero_grad()
    if batch.image_states is None or batch.text_states is None:
        image, text = model.encode_image(batch.pixels), model.encode_text(batch.tokens)
    else:
        image = model.image.above(batch.image_states)
        text = model.text.above(batch.text_states, batch.tokens.argmax(dim=-1))
    module.loss(image, text[batch.text_of], model.logit_scale.exp(), None).backward()
    gradients = torch.cat([one.grad.flatten().double() for one in model.parameters() if one.grad is not None])
    model.zero_grad()
    return _Backward(torch.cat([image, text]).detach(), gradients)


def _kilobytes(folder: Path, studies: int) -> float:
    """Return what the cache takes on the disk for each study."""
    return sum(path.stat().st_size for path in (folder / FOLDER).rglob(STATES)) / studies / 1e3


ROWS = {"train_step_cached": train_step_cached}
