"""From a reader to batches: stores, the order of training, and the place in it that a checkpoint remembers."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Sampler

from medxpert.data.batch import Batch, Drawn, Evaluated, Tokenizer, TrainingImages
from medxpert.data.leaks import TRAIN, HeldOut, shared_images
from medxpert.data.order import EpochOrder, InOrder, Place
from medxpert.data.sections import Text, TextDraw, TrainingText
from medxpert.data.shortfall import check_rejected, tell_fallbacks
from medxpert.data.source import on_leak_of
from medxpert.data.store import Store, default_cache, open_store
from medxpert.data.stored import PreparedReader, Representation, Stored, Views
from medxpert.data.survey import survey
from medxpert.distributed import rank, world_size
from medxpert.errors import ConfigError
from medxpert.images.resize import Fit
from medxpert.words import Reader, Rejected

if TYPE_CHECKING:  # it needs locks and reserved disk space, and few trainings need it
    from medxpert.prefixes.cache import PrefixCache

log = logging.getLogger(__name__)


def _outlive_the_step(worker: int) -> None:
    """Let a loader process that is asked to end serve the step behind which the training stops, for a minute."""
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(60))


class DataModule(pl.LightningDataModule):
    """Serves the splits of a reader.

    Args:
        reader: yields studies by split, or opens splits that are prepared (`data=shards`).
        tokenizer: turns texts into int64 [B, L].
        image_side: side of the model's input in px.
        batch_size: studies per step and process, at most; sizes within an epoch differ by one at most.
        chunk_size: studies that are encoded at a time, fewer than batch_size to save memory; None encodes all at once.
        num_workers: loader processes; 0 suffices for memory-mapped pixels.
        text: which section training sees.
        evaluation_text: which section stands for a study in embeddings, index and metrics.
        max_sentences: training draws no more than this many sentences of a text.
        shuffle_sentences: training sees the sentences in random order.
        images: which images of a study training sees.
        views: which images stand for a study in embeddings, index and metrics.
        fit: "pad" keeps the whole radiograph, "crop" its central square.
        seed: of everything that is drawn.
        max_rejected: largest share of unusable rows, in [0, 1].
        cache: folder of the decoded pixels; MEDXPERT_CACHE or the user's cache folder when None.

    Raises:
        ConfigError: a size or share is out of range.
    """

    def __init__(
        self,
        reader: Reader,
        tokenizer: Tokenizer,
        image_side: int,
        batch_size: int = 128,
        chunk_size: int | None = None,
        num_workers: int = 0,
        text: TrainingText = "longest",
        evaluation_text: Text = "longest",
        max_sentences: int | None = None,
        shuffle_sentences: bool = False,
        images: TrainingImages = "first",
        views: Views = "frontal_first",
        fit: Fit = "pad",
        seed: int = 0,
        max_rejected: float = 0.1,
        cache: str | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 2:
            raise ConfigError(f"loader.batch_size={batch_size}: a contrast needs at least 2 studies")
        if chunk_size is not None and chunk_size < 1:
            raise ConfigError(f"loader.chunk_size={chunk_size} must be at least 1, or null to encode all at once")
        if num_workers < 0:
            raise ConfigError(f"loader.num_workers={num_workers} must be at least 0")
        if not 0 <= max_rejected <= 1:
            raise ConfigError(f"max_rejected={max_rejected} lies outside [0, 1]")
        self._reader = reader
        self._tokenizer = tokenizer
        self._batch_size = batch_size
        self.chunk_size = chunk_size
        self._num_workers = num_workers
        self._draw = TextDraw(text, max_sentences, shuffle_sentences)
        self.text, self.images = text, images
        self._shown = Representation(image_side, evaluation_text, views, fit)
        self._seed = seed
        self._max_rejected = max_rejected
        self._cache = Path(cache) if cache else default_cache()
        self._order: EpochOrder | None = None
        self._resumed: Place | None = None
        self.stores: dict[str, Stored] = {}
        self.leaks: dict[str, int | None] = {}
        """Patients and images in two splits, null where no patient is known."""
        self.prefixes: PrefixCache | None = None
        """What the frozen blocks make of the training split, where that is computed only once."""

    @property
    def shown(self) -> Representation:
        """What of a study is shown to the model."""
        return self._shown

    @property
    def cache(self) -> Path:
        """Folder of the decoded pixels."""
        return self._cache

    def prepare_data(self) -> None:
        """Decode every split once, and compute what the frozen blocks make of it, before other processes open it."""
        self.setup()
        if self.prefixes:
            self.prefixes.build(self._drawn(), self._cache)

    def _drawn(self) -> Drawn:
        return Drawn(self.stores[TRAIN], self._tokenizer, self._draw, self.images, self._seed)

    def setup(self, stage: str | None = None) -> None:
        """Open the stores.

        Raises:
            DataError: too much had to be rejected, or a leak that the user does not accept.
        """
        if self.stores:
            return
        if isinstance(self._reader, PreparedReader):
            self.stores = dict(self._reader.open_splits(self._shown, self._cache))
            self.leaks = dict(self._reader.leaks)
        else:
            self.stores, self.leaks = self._decoded()
        check_rejected(self.stores.values(), self._max_rejected)
        tell_fallbacks(self.stores[TRAIN], self._draw.text, self.images)

    def _decoded(self) -> tuple[dict[str, Stored], dict[str, int | None]]:
        """Open the stores of a reader's studies, training last, when all that it must not see is known."""
        found, held_out = survey(self._reader), HeldOut(on_leak_of(self._reader))
        stores: dict[str, Store] = {}
        for split in sorted(found.studies, key=lambda split: split == TRAIN):
            training = split == TRAIN
            shown = self._shown._replace(every_image=training and self.images != "first")
            studies, rejected = found.studies[split], found.rejected[split]
            stores[split] = open_store(studies, rejected, split, shown, self._cache, held_out if training else None)
            held_out.add(split, (name for name, _ in stores[split].hashed()))
        images = shared_images({split: store.hashed() for split, store in stores.items()}, on_leak_of(self._reader))
        leaks = {"patients": None if found.patients is None else len(found.patients), "images": len(images)}
        return {split: stores[split] for split in found.studies}, leaks

    @property
    def rejected(self) -> list[Rejected]:
        """What the stores had to leave out."""
        return [item for store in self.stores.values() for item in store.rejected]

    def study_ids(self, split: str, rows: Sequence[int]) -> list[str]:
        """Name the studies at some rows of a split."""
        ids = self.stores[split].cases.study_ids
        return [ids[row] for row in rows]

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of nearly equal size that hold every study once.

        Raises:
            DataError: there are fewer studies than processes, or the frozen weights are not those of the cache.
            ConfigError: weights that so few batches cannot honour.
        """
        store = self.stores[TRAIN]
        weights = store.reports.weights
        order = EpochOrder(weights, self._batch_size, self._seed, rank(), world_size(), store.blocks)
        if order.largest_batch < self._batch_size and len(order) == 1:
            log.warning(
                "loader.batch_size=%d lowered to the %d training studies of a process",
                self._batch_size,
                order.largest_batch,
            )
        if self._resumed:
            order.enter(self._resumed)
        self._order = order
        drawn = self._drawn()
        states = self.prefixes.open(drawn, self._cache) if self.prefixes else None
        return self._loader(replace(drawn, states=states), order)

    def val_dataloader(self) -> DataLoader[Batch]:
        """All validation studies in order."""
        store = self.stores["val"]
        order = InOrder(len(store), min(self._batch_size, self.chunk_size or self._batch_size), rank(), world_size())
        return self._loader(Evaluated(store, self._tokenizer), order)

    def _loader(self, batches: Drawn | Evaluated, order: Sampler[Any]) -> DataLoader[Batch]:
        return DataLoader(
            batches,
            batch_size=None,  # the order yields whole batches
            sampler=order,
            num_workers=self._num_workers,
            persistent_workers=self._num_workers > 0,
            worker_init_fn=_outlive_the_step,
        )

    def state_dict(self) -> dict[str, Any]:
        """Remember the place in the training: what was learnt from, not what the loaders have fetched."""
        loop = self.trainer.fit_loop  # type: ignore[union-attr]
        batches: Any = loop.epoch_loop.batch_progress.current
        place = Place(loop.epoch_progress.current.completed, batches.processed)
        if self._order is not None and place.batch >= len(self._order):
            place = Place(place.epoch + 1, 0)
        return {"place": tuple(place), "made_of": self._made_of()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on at a place that a checkpoint remembers.

        Raises:
            ConfigError: the data or their order are others, so that the place means nothing.
        """
        for name, value in self._made_of().items():
            if state_dict["made_of"].get(name) != value:
                raise ConfigError(
                    f"cannot go on: the checkpoint was made with {name}={state_dict['made_of'].get(name)}, now it is "
                    f"{value}; go on with the same data and seed, and with as many studies in a batch of all processes"
                )
        self._resumed = Place(*state_dict["place"])

    def _made_of(self) -> dict[str, Any]:
        """Name everything that the order of training depends on."""
        return {
            "data": self.stores[TRAIN].fingerprint,
            "seed": self._seed,
            "loader.batch_size x processes": self._batch_size * world_size(),
        }
