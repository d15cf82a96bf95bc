"""Generic pretraining: weights that know shapes and words before they see any radiograph, made once and kept."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.utilities import rank_zero_only
from pytorch_lightning.utilities.seed import isolate_rng

from medxpert.callbacks.recall import RecallAtK
from medxpert.data.store import default_cache
from medxpert.datamodule import DataModule
from medxpert.errors import ConfigError
from medxpert.folders import MANIFEST, atomic_folder, seal, verified
from medxpert.losses.info_nce import InfoNCE
from medxpert.models.clip import CLIP
from medxpert.module import ContrastiveModule
from medxpert.privacy import strictest
from medxpert.schedule import cosine
from medxpert.words import Reader

PRETRAINING_VERSION = 1
"""Goes up whenever the same pretraining gives other weights."""

_MEASURED = "val/recall@10"
_WEIGHT_DECAY, _BETAS = 0.1, (0.9, 0.98)
_PATIENCE_SECONDS = 3600
_PAUSE_SECONDS = 1.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pretrained:
    """A model folder that `model.weights=` could name too, and its making.

    Attributes:
        known: fingerprint of the weights, policy, sources and settings, recall on validation; JSON values.
    """

    folder: Path
    known: dict[str, Any]


@dataclass(frozen=True)
class Pretraining:
    """How weights are pretrained; the same settings, data and architecture share one result.

    Args:
        data: reader of the pictures and captions.
        max_epochs: passes over its training split.
        batch_size: pairs per step.
        lr: learning rate.
        precision: as Lightning's Trainer takes it.
        seed: of the weights and of the order of the pairs, apart from the seed of the training that follows.
        cache: folder that keeps the result; MEDXPERT_CACHE or the user's cache folder when None.

    Raises:
        ConfigError: a number is out of range.
    """

    data: Reader
    max_epochs: int = 4
    batch_size: int = 128
    lr: float = 1e-3
    precision: str | int = "32-true"
    seed: int = 0
    cache: str | None = None

    def __post_init__(self) -> None:
        if self.max_epochs < 1:
            raise ConfigError(f"pretrain.max_epochs={self.max_epochs} must be at least 1")
        if self.batch_size < 2:
            raise ConfigError(f"pretrain.batch_size={self.batch_size}: a contrast needs at least 2 pairs")
        if self.lr <= 0:
            raise ConfigError(f"pretrain.lr={self.lr} must be greater than 0")

    def __call__(self, make_model: Callable[[], CLIP], accelerator: str = "auto") -> Pretrained:
        """Find the pretrained model, or make it first.

        Only the first of several processes makes it; the others wait.

        Args:
            make_model: makes the model with random weights and nothing frozen.
            accelerator: as Lightning's Trainer takes it.

        Raises:
            ConfigError: the cache cannot be written, or another process did not finish in time.
            DataError: the data are unusable, the training diverged, or the kept model is damaged.
        """
        with isolate_rng():
            torch.manual_seed(self.seed)
            model = make_model()
            data = self._open(model)
            folder = self._cache / f"pretrained-{_fingerprint(self._making(model, data))}"
            if not (folder / MANIFEST).is_file():
                if getattr(rank_zero_only, "rank", 0):
                    _wait(folder)
                else:
                    self._make(folder, model, data, accelerator)
        manifest = verified(folder, cure=f"rm -r {folder}, then the same command again")
        return Pretrained(folder, {name: value for name, value in manifest.items() if name != "files"})

    @property
    def _cache(self) -> Path:
        return Path(self.cache) if self.cache else default_cache()

    def _open(self, model: CLIP) -> DataModule:
        data = DataModule(
            self.data, model.tokenizer, model.image_side, self.batch_size, seed=self.seed, cache=str(self._cache)
        )
        data.setup()
        return data

    def _making(self, model: CLIP, data: DataModule) -> dict[str, Any]:
        """Name everything that the weights depend on; a store is named by its content."""
        return {
            "version": PRETRAINING_VERSION,
            "architecture": asdict(model.architecture),
            "stores": {split: store.fingerprint for split, store in data.stores.items()},
            "max_epochs": self.max_epochs,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "precision": str(self.precision),
            "seed": self.seed,
        }

    def _make(self, folder: Path, model: CLIP, data: DataModule, accelerator: str) -> None:
        stores, began = data.stores, monotonic()
        log.info("pretraining on %d pairs of %s, once; kept in %s", len(stores["train"]), _sources(data), folder)
        recall = self._fit(model, data, accelerator)
        model.stage, model.policy = "pretrained", strictest(store.policy for store in stores.values())
        made = {"policy": model.policy, "sources": _sources(data), _MEASURED: recall, **self._making(model, data)}
        del made["architecture"]  # the model's own card has it
        with atomic_folder(folder, first_wins=True) as sibling:
            seal(sibling, {"weights": model.export(sibling), **made})
        log.info("pretrained in %.0f s: %s %.3f of %d", monotonic() - began, _MEASURED, recall, len(stores["val"]))

    def _fit(self, model: CLIP, data: DataModule, accelerator: str) -> float:
        """Train, and return the recall on validation."""
        optimizer = partial(torch.optim.AdamW, lr=self.lr, weight_decay=_WEIGHT_DECAY, betas=_BETAS)
        module = ContrastiveModule(model, InfoNCE(), optimizer, cosine)
        trainer = pl.Trainer(
            accelerator=accelerator,
            devices=1,
            precision=self.precision,  # type: ignore[arg-type]
            max_epochs=self.max_epochs,
            callbacks=[RecallAtK(), RichProgressBar(console_kwargs={"stderr": True})],
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(module, datamodule=data)
        return float(trainer.callback_metrics[_MEASURED])


def _fingerprint(making: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(making, sort_keys=True).encode()).hexdigest()[:24]


def _sources(data: DataModule) -> str:
    return ", ".join(sorted({source for store in data.stores.values() for source in store.cases.column("source")}))


def _wait(folder: Path) -> None:
    """Wait for the first process.

    Raises:
        ConfigError: the folder did not appear.
    """
    log.info("waiting for the first process, which pretrains into %s", folder)
    deadline = monotonic() + _PATIENCE_SECONDS
    while not (folder / MANIFEST).is_file():
        if monotonic() > deadline:
            raise ConfigError(
                f"{folder} did not appear within {_PATIENCE_SECONDS} s; the first process makes it: "
                "let MEDXPERT_CACHE name a folder that all processes see"
            )
        sleep(_PAUSE_SECONDS)
