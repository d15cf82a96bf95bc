"""Builds the parts of a training from a checked configuration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic

import pytorch_lightning as pl
from omegaconf import DictConfig

from medxpert.callbacks.averaging import MovingAverage
from medxpert.callbacks.saving import WholeCheckpoints
from medxpert.config.build import build
from medxpert.config.ranks import outer_size
from medxpert.datamodule import DataModule
from medxpert.errors import ConfigError
from medxpert.folders import explained
from medxpert.models.clip import CLIP, NOTHING_FROZEN
from medxpert.models.lora import NO_LORA
from medxpert.module import ContrastiveModule
from medxpert.prefixes.cache import PrefixCache
from medxpert.pretraining import Pretrained, Pretraining
from medxpert.resuming import Job
from medxpert.strategy import FullySharded

_BATCH_HOOKS = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
"""Where pixels could be changed behind the data."""
_PATIENCE = timedelta(days=1)
"""How long other processes wait for the first one, which decodes and embeds alone; the watchdog finds hangs sooner."""


@dataclass(frozen=True)
class Parts:
    """What one training is made of."""

    module: ContrastiveModule
    data: DataModule
    trainer: pl.Trainer
    pretrained: Pretrained | None


def assemble(job: Job) -> Parts:
    """Build every part of a checked configuration."""
    cfg = job.cfg
    loggers = build(cfg.logger, resume=job.checkpoint is not None) or False  # first: they may lack a key
    build(cfg.index)  # refuses now what would be refused after hours
    pretrained = pretrain(cfg)
    model = starting_model(cfg, pretrained)
    module: ContrastiveModule = build(
        cfg.module, model=model, loss=build(cfg.loss), optimizer=build(cfg.optimizer), scheduler=build(cfg.scheduler)
    )()
    data = build(cfg.loader, reader=build(cfg.data), tokenizer=model.tokenizer, image_side=model.image_side)()
    callbacks = [callback for callback in (build(cfg.callbacks) or {}).values() if callback]
    trainer: pl.Trainer = build(
        cfg.trainer,
        callbacks=callbacks,
        logger=loggers,
        default_root_dir=str(job.folder),
    )
    sharded = isinstance(trainer.strategy, FullySharded)
    if sharded and any(isinstance(callback, MovingAverage) for callback in callbacks):
        raise ConfigError("callbacks=ema: no process has all weights under trainer=fsdp; choose trainer=ddp")
    module.check(data.images, data.text, data.chunk_size, sharded)
    settle(trainer)
    if model.cache_prefix:
        data.prefixes = prefix_cache(module, data, trainer)
    return Parts(module, data, trainer, pretrained)


def prefix_cache(module: ContrastiveModule, data: DataModule, trainer: pl.Trainer) -> PrefixCache:
    """Return what computes the activations under the frozen blocks as this training would.

    Raises:
        ConfigError: batches are changed on their way to the model, or the weights are divided among processes.
    """
    if isinstance(trainer.strategy, FullySharded):
        raise ConfigError(
            "model.cache_prefix=true: trainer=fsdp gathers weights only for whole towers; choose trainer=ddp "
            "optimizer=adamw_sharded"
        )
    for part, plain in ((module, pl.LightningModule), (data, pl.LightningDataModule)):
        for hook in _BATCH_HOOKS:
            if getattr(type(part), hook) is not getattr(plain, hook):
                raise ConfigError(
                    f"model.cache_prefix=true: {type(part).__name__}.{hook} changes batches, which a cache would undo; "
                    "leave out model.cache_prefix"
                )
    computing = trainer.precision_plugin.forward_context
    return PrefixCache(module.model, str(trainer.precision), computing, trainer.strategy.root_device)


def settle(trainer: pl.Trainer) -> None:
    """Let a trainer write whole checkpoints and wait for the first process.

    Raises:
        ConfigError: processes from outside that it does not count on, or others that would never come.
    """
    wanted = getattr(trainer.strategy, "num_processes", 1) * trainer.num_nodes
    if outer_size() > 1 and wanted != outer_size():
        raise ConfigError(
            f"{outer_size()} processes were started from outside, trainer= asks for {wanted}; give trainer=slurm and "
            "sbatch --ntasks-per-node under srun, trainer.devices=N and trainer.num_nodes=N under torchrun"
        )
    trainer.strategy.checkpoint_io = WholeCheckpoints()
    if hasattr(trainer.strategy, "_timeout"):
        trainer.strategy._timeout = _PATIENCE


def fit(job: Job, trainer: pl.Trainer, module: pl.LightningModule, data: DataModule) -> float | None:
    """Train, and return how many seconds that took; None where an earlier process did a part of it.

    Raises:
        ConfigError: there was nothing to do.
    """
    began = monotonic()
    with explained(job.folder):
        path = None if job.checkpoint is None else str(job.checkpoint)
        trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
    if not trainer.global_step:
        raise ConfigError(
            "no step was taken: raise trainer.max_epochs, trainer.max_steps or trainer.limit_train_batches"
        )
    return None if job.checkpoint else round(monotonic() - began, 1)


def starting_model(cfg: DictConfig, pretrained: Pretrained | None) -> CLIP:
    """Build the encoder with the weights that training starts from."""
    weights = {"weights": str(pretrained.folder)} if pretrained else {}
    model: CLIP = build(cfg.model, **weights)
    return model


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
    make_model = partial(build, cfg.model, weights=None, freeze=NOTHING_FROZEN, lora=NO_LORA, cache_prefix=False)
    return pretraining(make_model, cfg.trainer.get("accelerator", "auto"))
