"""What is embedded: the studies of a split, some of another store, or a stretch of either."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.data.sections import Reports
from medxpert.data.stored import Pixels, Stored
from medxpert.text import normalise
from medxpert.words import Policy, Rejected


@dataclass(frozen=True)
class Chosen:
    """Some studies of a store, by ascending rows [N]; see `Stored`. No picture is copied."""

    store: Stored
    rows: NDArray[np.int64]

    @cached_property
    def fingerprint(self) -> str:
        """Tells the content of the store and which of its studies are meant."""
        told = self.store.fingerprint.encode() + np.asarray(self.rows, np.int64).tobytes()
        return hashlib.sha256(told).hexdigest()[:24]

    @property
    def cases_path(self) -> Path:
        """File of the cases table of the whole store."""
        return self.store.cases_path

    @cached_property
    def cases(self) -> Cases:
        """The cases table, N rows, in memory."""
        return self.store.cases.take(self.rows)

    @cached_property
    def reports(self) -> Reports:
        """What training may draw of the N texts."""
        findings, impressions, weights = self.store.reports
        own = self.rows.tolist()
        return Reports([findings[row] for row in own], [impressions[row] for row in own], weights[self.rows])

    @property
    def pixels(self) -> Pixels:
        """Pixels of all images of the store."""
        return self.store.pixels

    @cached_property
    def image_rows(self) -> Sequence[NDArray[np.int64]]:
        """For each of the N studies, the rows in `pixels` that stand for it."""
        return [self.store.image_rows[row] for row in self.rows.tolist()]

    @cached_property
    def every_image(self) -> Sequence[NDArray[np.int64]]:
        """For each of the N studies, the rows in `pixels` that training may draw."""
        return [self.store.every_image[row] for row in self.rows.tolist()]

    @property
    def blocks(self) -> NDArray[np.int64] | None:
        """[N] ascending numbers of the blocks that are fetched as a whole."""
        return None if self.store.blocks is None else self.store.blocks[self.rows]

    @property
    def policy(self) -> Policy:
        """The strictest policy of the whole store."""
        return self.store.policy

    @property
    def rejected(self) -> list[Rejected]:
        """What the store could not use."""
        return self.store.rejected

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Source:
    """N studies that become one folder of embeddings.

    Attributes:
        name: of the folder, such as "train".
        store: the N studies.
        texts: their texts, N.
    """

    name: str
    store: Stored
    texts: Sequence[str]

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """[N] the row where each study's text, or one equal after normalisation, stands for the first time."""
        seen: dict[bytes, int] = {}
        digests = (hashlib.blake2b(normalise(text).encode(), digest_size=16).digest() for text in self.texts)
        return np.fromiter((seen.setdefault(one, row) for row, one in enumerate(digests)), np.int64, len(self.texts))

    def new_texts(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the rows from `start` to `stop` whose text stands nowhere before them, ascending."""
        rows = np.arange(start, stop)
        return rows[self.first[start:stop] == rows]

    def stretch(self, start: int, stop: int) -> Chosen:
        """Return the studies from `start` to `stop`."""
        return Chosen(self.store, np.arange(start, stop))
