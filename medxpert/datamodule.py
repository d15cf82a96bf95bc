"""From a reader to batches: stores, samplers and collation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from medxpert.data.batch import Batch
from medxpert.data.store import Section, Store, Views, default_cache, open_store
from medxpert.distributed import world_size
from medxpert.errors import ConfigError, DataError
from medxpert.words import SPLITS, Reader, Rejected

log = logging.getLogger(__name__)
Tokenizer = Callable[[Sequence[str]], NDArray[np.int64]]


class Rows(Dataset[int]):
    """The row numbers 0..N-1 of a store; collation fetches what they stand for."""

    def __init__(self, store: Store) -> None:
        self._length = len(store)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> int:
        return row


def splits_of(reader: Reader) -> tuple[str, ...]:
    """Return the splits that a reader offers: `SPLITS`, then its `more_splits`."""
    return (*SPLITS, *getattr(getattr(reader, "func", reader), "more_splits", ()))


def collate(rows: Sequence[int], store: Store, texts: Sequence[str], tokenizer: Tokenizer) -> Batch:
    """Gather B studies from a store; a study with several images gives its first."""
    unique: dict[str, int] = {}
    text_of = [unique.setdefault(texts[row], len(unique)) for row in rows]
    pixels = store.pixels[[store.image_rows[row][0] for row in rows]]
    return Batch(
        torch.from_numpy(pixels),
        torch.from_numpy(tokenizer(list(unique))),
        torch.tensor(text_of),
        torch.tensor(rows),
    )


class DataModule(pl.LightningDataModule):
    """Serves the splits of a reader.

    Args:
        reader: yields studies by split.
        tokenizer: turns texts into int64 [B, L].
        image_side: side of the model's input in px.
        batch_size: studies per step and process; a smaller training split lowers it.
        num_workers: loader processes; 0 suffices for memory-mapped pixels.
        text: which section stands for a study.
        views: which images stand for a study.
        seed: seeds the order of the training studies.
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
        num_workers: int = 0,
        text: Section = "longest",
        views: Views = "frontal_first",
        seed: int = 0,
        max_rejected: float = 0.1,
        cache: str | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 2:
            raise ConfigError(f"loader.batch_size={batch_size}: a contrast needs at least 2 studies")
        if not 0 <= max_rejected <= 1:
            raise ConfigError(f"max_rejected={max_rejected} lies outside [0, 1]")
        self._reader = reader
        self._tokenizer = tokenizer
        self._image_side = image_side
        self._batch_size = batch_size
        self._num_workers = num_workers
        self._text = text
        self._views = views
        self._seed = seed
        self._max_rejected = max_rejected
        self._cache = Path(cache) if cache else default_cache()
        self.stores: dict[str, Store] = {}

    def prepare_data(self) -> None:
        """Decode every split once, before other processes open it."""
        self.setup()

    def setup(self, stage: str | None = None) -> None:
        """Open the stores.

        Raises:
            DataError: too much had to be rejected.
        """
        if self.stores:
            return
        self.stores = {split: self._open(split) for split in splits_of(self._reader)}
        self._check_rejected()

    def _open(self, split: str) -> Store:
        return open_store(self._reader, split, self._image_side, self._text, self._views, self._cache)

    @property
    def rejected(self) -> list[Rejected]:
        """What the stores had to leave out."""
        return [item for store in self.stores.values() for item in store.rejected]

    def _check_rejected(self) -> None:
        used = sum(len(store) for store in self.stores.values())
        rejected = self.rejected
        share = len(rejected) / (used + len(rejected))
        if share > self._max_rejected:
            raise DataError(
                f"{len(rejected)} of {used + len(rejected)} rows are unusable, more than max_rejected="
                f"{self._max_rejected}; the first: {rejected[0].where}: {rejected[0].reason}"
            )
        if rejected:
            log.warning("%d rows left out, see rejected.csv; the first: %s", len(rejected), rejected[0].where)

    def study_ids(self, split: str, rows: Sequence[int]) -> list[str]:
        """Name the studies at some rows of a split."""
        ids = self.stores[split].cases.study_ids
        return [ids[row] for row in rows]

    def train_dataloader(self) -> DataLoader[int]:
        """Shuffled batches of equal size.

        Raises:
            DataError: a process would see fewer than 2 studies.
        """
        store, processes = self.stores["train"], world_size()
        size = min(self._batch_size, len(store) // processes)
        if size < 2:
            raise DataError(f"split train has {len(store)} studies for {processes} processes; each needs at least 2")
        if size < self._batch_size:
            log.warning("loader.batch_size=%d lowered to the %d training studies of a process", self._batch_size, size)
        order = torch.Generator().manual_seed(self._seed)
        return self._loader(store, size, shuffle=True, drop_last=True, generator=order)

    def val_dataloader(self) -> DataLoader[int]:
        """All validation studies in order."""
        return self._loader(self.stores["val"], self._batch_size)

    def _loader(
        self,
        store: Store,
        size: int,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: torch.Generator | None = None,
    ) -> DataLoader[int]:
        return DataLoader(
            Rows(store),
            size,
            shuffle=shuffle,
            drop_last=drop_last,
            generator=generator,
            num_workers=self._num_workers,
            persistent_workers=self._num_workers > 0,
            collate_fn=partial(collate, store=store, texts=store.cases.texts, tokenizer=self._tokenizer),
        )
