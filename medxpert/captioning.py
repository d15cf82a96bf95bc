"""The chain of train.py for captioners: build the parts, fit, export, then measure captions of validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from omegaconf import DictConfig

from medxpert.bookkeeping import provenance, write_config, write_rejected
from medxpert.callbacks.averaging import MovingAverage
from medxpert.callbacks.captions import CaptionQuality, spread
from medxpert.callbacks.loggers import closing, log_config
from medxpert.callbacks.saving import BestCheckpoint
from medxpert.caption_module import CaptionModule
from medxpert.captioners.card import Card
from medxpert.captioners.folder import write_captioner
from medxpert.captioners.model import Recipe
from medxpert.captioners.tokens import Tokens
from medxpert.config.build import build, resolve
from medxpert.config.quiet import quieten
from medxpert.datamodule import DataModule
from medxpert.distributed import leave_group
from medxpert.embedding import write_samples
from medxpert.errors import ConfigError
from medxpert.evaluation.caption_files import draw, write_lines
from medxpert.evaluation.captions import block, compare, trust
from medxpert.folders import write_json
from medxpert.interruption import interruptible
from medxpert.parts import fit, settle
from medxpert.privacy import strictest
from medxpert.resuming import Job, job_of, keep_curves, kept_config
from medxpert.run import CAPTIONER, finish_run
from medxpert.strategy import FullySharded
from medxpert.tables.blocks import Tables
from medxpert.tables.console import show
from medxpert.words import Policy

METRICS, CAPTIONS, SAMPLES = "metrics.json", "captions.csv", "samples.png"
_MODEL = "model."
_IDLE = ("loss", "index", "pretrain", "module")
"""Groups that mean nothing to a captioner."""
_MOST, _SHOWN = 1000, 8


class LateTokenizer:
    """Stands in for a tokenizer until the texts are open that a captioner learns its words from."""

    tokens: Tokens

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokenise B texts to [B, L]."""
        return self.tokens(texts)


@dataclass(frozen=True)
class Parts:
    """What one training is made of."""

    module: CaptionModule
    data: DataModule
    trainer: pl.Trainer
    quality: CaptionQuality


def train(cfg: DictConfig, label_weight: float = 0.0) -> None:
    """Run the chain; only the first process writes.

    Args:
        cfg: the checked configuration.
        label_weight: as `CaptionModule` takes it.
    """
    quieten()
    job = job_of(cfg)
    refuse_idle([] if job.checkpoint else HydraConfig.get().overrides.task)
    if not 0 <= job.cfg.seed < 2**32:
        raise ConfigError(f"seed={job.cfg.seed} lies outside 0..{2**32 - 1}")
    pl.seed_everything(job.cfg.seed, workers=True, verbose=False)
    torch.set_flush_denormal(True)
    with interruptible(job.folder) as guard:
        parts = assemble(job, label_weight)
        guard.attach(parts.trainer)
        with closing(parts.trainer.loggers):
            run(job, parts)


def refuse_idle(overrides: Sequence[str]) -> None:
    """Refuse what was set for nothing.

    Raises:
        ConfigError: an override is of a group that means nothing to a captioner; names all of them.
    """
    plain = [one.lstrip("+~") for one in overrides]
    idle = [one for one in plain if one.partition("=")[0].partition(".")[0] in _IDLE and not one.endswith("=null")]
    if idle:
        raise ConfigError(
            f"a captioner has no {', '.join(_IDLE)}: leave out {' '.join(idle)}, or choose model=clip_..."
        )


def assemble(job: Job, label_weight: float) -> Parts:
    """Build every part of a checked configuration; the data are open when the captioner is made."""
    cfg = job.cfg
    loggers = build(cfg.logger, resume=job.checkpoint is not None) or False  # first: they may lack a key
    callbacks = [callback for callback in (build(cfg.callbacks) or {}).values() if callback]
    trainer: pl.Trainer = build(cfg.trainer, callbacks=callbacks, logger=loggers, default_root_dir=str(job.folder))
    quality = check(trainer)
    settle(trainer)
    recipe: Recipe = build(cfg.model)
    late = LateTokenizer()
    data: DataModule = build(cfg.loader, reader=build(cfg.data), tokenizer=late, image_side=recipe.image_side)()
    check_loader(data)
    data.setup()
    model = recipe.make(texts_of(data))
    late.tokens = model.tokenizer
    module = CaptionModule(model, build(cfg.optimizer), build(cfg.scheduler), label_weight)
    return Parts(module, data, trainer, quality)


def check(trainer: pl.Trainer) -> CaptionQuality:
    """Return the callback that measures captions.

    Raises:
        ConfigError: it is missing, or weights shall be divided among processes or averaged.
    """
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    if isinstance(trainer.strategy, FullySharded):
        raise ConfigError("trainer=fsdp divides the weights, without which no caption can be written; use trainer=ddp")
    if any(isinstance(one, MovingAverage) for one in callbacks):
        raise ConfigError("callbacks=ema: captioners are not averaged; choose callbacks=default")
    found = [one for one in callbacks if isinstance(one, CaptionQuality)]
    if not found:
        raise ConfigError("callbacks.captions is missing, by which checkpoints are chosen; leave it in")
    return found[0]


def check_loader(data: DataModule) -> None:
    """Refuse what a captioner does nothing with.

    Raises:
        ConfigError: two images or texts of a study, or chunks of a batch.
    """
    for key, wrong in (("images", data.images == "two"), ("text", data.text == "two_sections")):
        if wrong:
            raise ConfigError(f"loader.{key}={getattr(data, key)}: a captioner learns one text of one image; change it")
    if data.chunk_size is not None:
        raise ConfigError(f"loader.chunk_size={data.chunk_size}: a captioner has no chunks; lower loader.batch_size")


def texts_of(data: DataModule) -> list[str]:
    """Return both sections of every training study, each where there is one."""
    reports = data.stores["train"].reports
    return [text for text in (*reports.findings, *reports.impressions) if text.strip()]


def run(job: Job, parts: Parts) -> None:
    """Note how the run is made, train, export, measure."""
    if parts.trainer.is_global_zero:
        begin(job, parts)
    start = parts.module.model.stage
    seconds = fit(job, parts.trainer, parts.module, parts.data)
    state = parts.trainer.strategy.lightning_module_state_dict()
    leave_group()  # what follows is the first process's alone
    if parts.trainer.is_global_zero and not parts.trainer.fast_dev_run:  # type: ignore[attr-defined]
        choose(parts, state)
        finish(job, parts, {"starting_stage": start, "training_seconds": seconds})


def policy_of(parts: Parts) -> Policy:
    """Return the strictest policy of the data and of the weights."""
    return strictest([parts.module.model.policy, *(store.policy for store in parts.data.stores.values())])


def begin(job: Job, parts: Parts) -> None:
    """Note how the run is made."""
    log_config(parts.trainer.loggers, resolve(job.cfg), job.choices, policy_of(parts))
    if job.checkpoint is not None:
        keep_curves(job.folder)
        return
    write_config(job.folder, kept_config(job, resolve(job.cfg)))


def choose(parts: Parts, last: Mapping[str, torch.Tensor]) -> None:
    """Give the model the best weights; the last ones where validation chose none."""
    chosen = [one for one in parts.trainer.checkpoint_callbacks if isinstance(one, BestCheckpoint)]
    path = chosen[0].best_model_path if chosen else ""
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"] if path else last
    weights = {name[len(_MODEL) :]: one for name, one in state.items() if name.startswith(_MODEL)}
    model = parts.module.model
    model.load_state_dict(weights)
    model.to(parts.trainer.strategy.root_device).eval()
    model.stage, model.policy = "adapted", policy_of(parts)


def finish(job: Job, parts: Parts, known: Mapping[str, Any]) -> None:
    """Export, caption validation, and let outputs/latest_caption point here."""
    folder, model, stores = job.folder, parts.module.model, parts.data.stores
    policy, store = model.policy, stores["val"]
    rows = spread(len(store), _MOST)
    captions, cases = parts.quality.written(model, store, rows), store.cases.take(np.array(rows))
    measured = compare(captions, cases, stores["train"].cases.texts, job.cfg.seed)
    card = Card(job.choices["model"], model.image_side, policy, trust(captions, cases))
    write_captioner(folder / CAPTIONER, model, card)
    write_json(folder / METRICS, {"policy": policy, "looks": {}, "captions": {"val": measured | {"trust": card.trust}}})
    lines = zip(cases.study_ids, captions, cases.texts, [policy] * len(rows), strict=True)
    write_lines(folder / CAPTIONS, ("study_id", "caption", "text", "policy"), lines)
    write_rejected(folder / "rejected.csv", parts.data.rejected, policy)
    shown = spread(len(rows), _SHOWN)
    images = [store.pixels[int(store.image_rows[rows[place]][0])] for place in shown]
    draw(folder / SAMPLES, images, [captions[place] for place in shown], [cases.texts[place] for place in shown])
    write_samples(folder / "samples", stores["test"], policy)
    made = provenance(job, parts.data, parts.trainer.global_step, parts.trainer.world_size)
    finish_run(folder, {**made, **known, "kind": CAPTIONER, "policy": policy})
    heading = f"val · {len(rows):,} studies · {known['starting_stage']} → adapted"
    told = Tables(heading, (f"Readable captions: {measured['readable']:.0%}.",), (block("val", measured),))
    show(told, policy, [str(folder)])
