"""The chain of train.py: build the parts, fit, then export, embed, index and measure."""

from __future__ import annotations

import csv
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import yaml
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities.exceptions import SIGTERMException

from medxpert.callbacks.panel import log_panel
from medxpert.config.build import build, resolve
from medxpert.datamodule import DataModule
from medxpert.distributed import leave_group
from medxpert.embedding import Start, publish, starting_point
from medxpert.errors import ConfigError
from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.record import METRICS, write_metrics
from medxpert.evaluation.tables.split import tables
from medxpert.folders import atomic_file, explained
from medxpert.models.clip import CLIP, NOTHING_FROZEN
from medxpert.module import ContrastiveModule
from medxpert.pretraining import Pretrained, Pretraining
from medxpert.provenance import environment
from medxpert.resuming import Job, job_of, keep_curves, kept_config
from medxpert.run import Run, finish_run
from medxpert.tables.console import show
from medxpert.words import Policy, Rejected

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What one training is made of."""

    folder: Path
    module: ContrastiveModule
    data: DataModule
    trainer: pl.Trainer
    pretrained: Pretrained | None


def train(cfg: DictConfig) -> None:
    """Run the chain; only the first process writes."""
    quieten()
    job = job_of(cfg)
    cfg = job.cfg
    if not 0 <= cfg.seed < 2**32:
        raise ConfigError(f"seed={cfg.seed} lies outside 0..{2**32 - 1}")
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_flush_denormal(True)
    parts = assemble(job)
    if parts.trainer.is_global_zero and job.checkpoint:
        keep_curves(parts.folder)
    with interruptible():
        parts.trainer.validate(parts.module, datamodule=parts.data, verbose=False)
    parts.module.model.to(parts.trainer.strategy.root_device)
    if parts.trainer.is_global_zero and job.checkpoint is None:
        write_config(parts.folder, kept_config(job, resolve(job.cfg)))
    start = starting_point(parts.module.model, parts.data.stores) if parts.trainer.is_global_zero else None
    with interruptible(), explained(parts.folder):
        path = None if job.checkpoint is None else str(job.checkpoint)
        parts.trainer.fit(parts.module, datamodule=parts.data, ckpt_path=path, weights_only=True)
    if not parts.trainer.global_step:
        raise ConfigError(
            "no step was taken: raise trainer.max_epochs, trainer.max_steps or trainer.limit_train_batches"
        )
    if start is not None and not parts.trainer.fast_dev_run:  # type: ignore[attr-defined]
        finish(job, parts, start)
    leave_group()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Lightning's silent ends, status 0 on SIGTERM and 1 on Ctrl-C, into an interruption that is reported."""
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended, SIGTERMException) or isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from ended
        raise


def quieten() -> None:
    """Keep advertisements and remarks about the library's own insides off the terminal."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for remark in (
        "Found .* in eval mode",
        "`isinstance\\(treespec",
        "The number of training batches",
        "You're resuming from a checkpoint that ended before the epoch ended",  # the data module remembers the place
        ".* does not have many workers",
    ):
        warnings.filterwarnings("ignore", message=remark)


def assemble(job: Job) -> Parts:
    """Build every part of a checked configuration."""
    cfg = job.cfg
    pretrained = pretrain(cfg)
    weights = {"weights": str(pretrained.folder)} if pretrained else {}
    model: CLIP = build(cfg.model, **weights)
    module = ContrastiveModule(model, build(cfg.loss), build(cfg.optimizer), build(cfg.scheduler))
    data = build(cfg.loader, reader=build(cfg.data), tokenizer=model.tokenizer, image_side=model.image_side)()
    trainer = build(
        cfg.trainer,
        callbacks=[callback for callback in (build(cfg.callbacks) or {}).values() if callback],
        logger=list((build(cfg.logger) or {}).values()),
        default_root_dir=str(job.folder),
    )
    return Parts(job.folder, module, data, trainer, pretrained)


def pretrain(cfg: DictConfig) -> Pretrained | None:
    """Find or make the weights that `pretrain=` asks for."""
    pretraining: Pretraining | None = build(cfg.get("pretrain"))
    if pretraining is None:
        return None
    if cfg.model.get("weights") is not None:
        raise ConfigError(
            f"pretrain= and model.weights={cfg.model.weights} both say what training starts from; "
            "drop pretrain= or give model.weights=null"
        )
    build(cfg.model)  # refuses now what would be refused after minutes
    make_model = partial(build, cfg.model, weights=None, freeze=NOTHING_FROZEN)
    with interruptible():
        return pretraining(make_model, cfg.trainer.get("accelerator", "auto"))


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the composed configuration, secrets left out."""
    with atomic_file(folder / "config.yaml") as sibling:
        sibling.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


def load_best(trainer: pl.Trainer, module: ContrastiveModule) -> None:
    """Go back to the epoch that validation chose; without a checkpoint the last weights stay."""
    checkpoint = trainer.checkpoint_callback
    path = checkpoint.best_model_path if isinstance(checkpoint, ModelCheckpoint) else ""
    if path:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])


def finish(job: Job, parts: Parts, start: Start) -> None:
    """Export, embed, index, measure on validation, and let outputs/latest point here."""
    model, stores, folder = parts.module.model, parts.data.stores, parts.folder
    load_best(parts.trainer, parts.module)
    model.stage = "adapted"
    model.to(parts.trainer.strategy.root_device)
    vectors = publish(folder, model, stores, start, partial(build, job.cfg.index))
    log_panel(parts.trainer.loggers, stores["val"], *vectors["val"])
    write_rejected(folder / "rejected.csv", parts.data.rejected, model.policy)
    known = provenance(job, parts, start)
    result = measure_run(Run(folder), "val", start.stage, job.cfg.seed)
    write_metrics(folder / METRICS, result, known["policy"])
    finish_run(folder, known)
    show(tables(result), known["policy"], [str(folder)], details=False)


def provenance(job: Job, parts: Parts, start: Start) -> dict[str, Any]:
    """Return what the run was made with."""
    stores = parts.data.stores
    return {
        **environment(),
        "seed": job.cfg.seed,
        "model": job.choices["model"],
        "data": job.choices["data"],
        "pretrained": parts.pretrained.known if parts.pretrained else None,
        "starting_stage": start.stage,
        "policy": parts.module.model.policy,
        "stores": {split: store.fingerprint for split, store in stores.items()},
        "studies": {split: len(store) for split, store in stores.items()},
        "rejected": len(parts.data.rejected),
        "leaks": parts.data.leaks,
        "steps": parts.trainer.global_step,
        "processes": parts.trainer.world_size,
    }


def write_rejected(path: Path, rejected: Sequence[Rejected], policy: Policy) -> None:
    """List what was left out, and why."""
    with atomic_file(path) as sibling, sibling.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("where", "reason", "detail", "policy"))
        rows.writerows((item.where, item.reason, item.detail, policy) for item in rejected)
