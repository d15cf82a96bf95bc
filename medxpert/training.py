"""The chain of train.py: build the parts, fit, then export, embed, index and measure."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from medxpert.bookkeeping import provenance, write_config, write_rejected
from medxpert.calibration.write import MOST_FILMS, write_calibration
from medxpert.callbacks.loggers import closing, log_config
from medxpert.callbacks.panel import log_panel
from medxpert.callbacks.saving import BestCheckpoint
from medxpert.config.build import build, resolve
from medxpert.config.quiet import quieten
from medxpert.distributed import leave_group
from medxpert.embedding import Start, encoding, films_of, publish, starting_point
from medxpert.errors import ConfigError
from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.record import METRICS, write_metrics
from medxpert.evaluation.tables.split import tables
from medxpert.indexes.elsewhere import ready
from medxpert.interruption import interruptible
from medxpert.models.clip import CLIP
from medxpert.models.interpolation import interpolate
from medxpert.parts import Parts, assemble, fit, starting_model
from medxpert.privacy import strictest
from medxpert.resuming import Job, job_of, keep_curves, kept_config
from medxpert.run import Run, finish_run
from medxpert.tables.console import show

_MODEL = "model."
log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> None:
    """Run the chain; only the first process writes."""
    quieten()
    job = job_of(cfg)
    if not 0 <= job.cfg.seed < 2**32:
        raise ConfigError(f"seed={job.cfg.seed} lies outside 0..{2**32 - 1}")
    pl.seed_everything(job.cfg.seed, workers=True, verbose=False)
    torch.set_flush_denormal(True)
    with interruptible(job.folder) as guard:
        parts = assemble(job)
        guard.attach(parts.trainer)
        with closing(parts.trainer.loggers):
            run(job, parts)


def run(job: Job, parts: Parts) -> None:
    """Embed by the starting weights, train, export, measure."""
    trainer = parts.trainer
    start = begin(job, parts) if trainer.is_global_zero else None
    if job.checkpoint is None:
        trainer.validate(parts.module, datamodule=parts.data, verbose=False)
    seconds = fit(job, parts.trainer, parts.module, parts.data)
    state = trainer.strategy.lightning_module_state_dict()
    leave_group()  # what follows is the first process's alone, and may take hours
    if start is not None and not trainer.fast_dev_run:  # type: ignore[attr-defined]
        finish(job, parts, start, exported(job, parts, state), seconds)


def begin(job: Job, parts: Parts) -> Start:
    """Open the data, note how the run is made, and embed by the weights that training starts from."""
    parts.data.setup()
    parts.module.model.to(parts.trainer.strategy.root_device)
    policy = strictest([parts.module.model.policy, *(store.policy for store in parts.data.stores.values())])
    ready(build(job.cfg.index), policy)
    log_config(parts.trainer.loggers, resolve(job.cfg), job.choices, policy)
    if job.checkpoint is None:
        write_config(job.folder, kept_config(job, resolve(job.cfg)))
    else:
        keep_curves(job.folder)
    return starting_point(parts.module.model, parts.data.stores)


def exported(job: Job, parts: Parts, last: Mapping[str, torch.Tensor]) -> CLIP:
    """Return what the run offers to others: the best weights, with a share of the starting ones if that is wanted.

    Args:
        job: what was trained.
        parts: how.
        last: the module's weights at the end, which count where validation chose none.
    """
    chosen = [one for one in parts.trainer.checkpoint_callbacks if isinstance(one, BestCheckpoint)]
    path = chosen[0].best_model_path if chosen else ""
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"] if path else last
    model = starting_model(job.cfg, parts.pretrained)
    start = model.merged_state()
    model.load_state_dict({name[len(_MODEL) :]: one for name, one in state.items() if name.startswith(_MODEL)})
    model.merge()
    share = parts.module.wise_ft
    if share is not None:
        model.load_state_dict(interpolate(start, model.merged_state(), share))
    model.stage = "adapted"
    return model.to(parts.trainer.strategy.root_device)


def finish(job: Job, parts: Parts, start: Start, model: CLIP, seconds: float | None) -> None:
    """Export, embed, index, measure on validation, and let outputs/latest point here."""
    stores, folder = parts.data.stores, job.folder
    vectors = publish(folder, model, stores, start, partial(build, job.cfg.index))
    write_calibration(Run(folder), films_of(stores["val"], MOST_FILMS), encoding(model), job.cfg.seed)
    write_rejected(folder / "rejected.csv", parts.data.rejected, model.policy)
    known = {**made_with(job, parts, start), "policy": model.policy, "training_seconds": seconds}
    result = measure_run(Run(folder), "val", start.stage, job.cfg.seed)
    write_metrics(folder / METRICS, result, known["policy"])
    finish_run(folder, known)
    log_panel(parts.trainer.loggers, stores["val"], *vectors["val"], model.policy)
    show(tables(result), known["policy"], [str(folder)], details=False)


def made_with(job: Job, parts: Parts, start: Start) -> dict[str, Any]:
    """Return what the run was made with."""
    return {
        **provenance(job, parts.data, parts.trainer.global_step, parts.trainer.world_size),
        "pretrained": parts.pretrained.known if parts.pretrained else None,
        "starting_stage": start.stage,
    }
