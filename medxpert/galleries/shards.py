"""Embedding in shards: each process embeds its own, seals them one by one, and a killed one goes on behind the last.

The shards of a run lie in its hidden folder `.parts`, below names that tell the encoder, the studies and the cut, so
that a shard of other weights or other data is never taken for one of these.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medxpert.embedding import embed_images, embed_texts, truncated
from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, atomic_folder, read_json, seal
from medxpert.galleries.share import Share
from medxpert.galleries.source import Source
from medxpert.models.clip import CLIP

PARTS = ".parts"
_BATCH = 64
_NAMED = 16
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """The studies from `start` to `stop` of a source, as one encoder sees them."""

    source: Source
    start: int
    stop: int
    encoder: str
    folder: Path

    @property
    def fields(self) -> dict[str, Any]:
        """What its manifest says."""
        store = self.source.store.fingerprint
        return {"encoder": self.encoder, "store": store, "start": self.start, "stop": self.stop}

    @property
    def sealed(self) -> bool:
        """Whether it is written, by this encoder and of these studies."""
        if not (self.folder / MANIFEST).is_file():
            return False
        try:
            manifest = read_json(self.folder / MANIFEST)
        except DataError:  # another process has just merged and removed it, or it is damaged
            return False
        return isinstance(manifest, dict) and all(manifest.get(name) == told for name, told in self.fields.items())

    def write(self, model: CLIP) -> None:
        """Embed and seal it: a row for each image, and one for each text that no shard before it holds."""
        stretch, texts = self.source.stretch(self.start, self.stop), self.source.texts
        new = self.source.new_texts(self.start, self.stop).tolist()
        with atomic_folder(self.folder) as sibling:
            np.save(sibling / "image.npy", embed_images(model, stretch, _BATCH))
            if new:
                np.save(sibling / "text.npy", embed_texts(model, [texts[row] for row in new], _BATCH))
            np.save(sibling / "truncated.npy", truncated(model, texts[self.start : self.stop]))
            seal(sibling, self.fields)

    def __str__(self) -> str:
        return f"{self.source.name} {self.start}..{self.stop - 1}"


@dataclass(frozen=True)
class Cut:
    """How the work on some sources is divided.

    Args:
        folder: of the run.
        encoder: fingerprint of the weights.
        size: studies in a shard.

    Raises:
        ConfigError: the size is below 1.
    """

    folder: Path
    encoder: str
    size: int = 8192

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"shard_studies={self.size} must be at least 1")

    def shards(self, source: Source) -> list[Shard]:
        """Return the shards of one source, in order."""
        starts = range(0, len(source.store), self.size)
        ends = (min(start + self.size, len(source.store)) for start in starts)
        folder = self.place(source)
        return [
            Shard(source, start, stop, self.encoder, folder / f"{start:09d}-{stop:09d}")
            for start, stop in zip(starts, ends, strict=True)
        ]

    def place(self, source: Source) -> Path:
        """Return the folder of a source's shards."""
        name = f"{source.name}-{self.encoder[:_NAMED]}-{source.store.fingerprint[:_NAMED]}-{self.size}"
        return self.folder / PARTS / name

    def missing(self, sources: Sequence[Source]) -> list[Shard]:
        """Return the shards that nobody has sealed yet."""
        return [shard for source in sources for shard in self.shards(source) if not shard.sealed]

    def embed(self, model: CLIP, sources: Sequence[Source], share: Share) -> list[Shard]:
        """Embed this process's share of the shards, and return those that are still missing when it is done."""
        own = list(self._own(sources, share))
        todo = [shard for shard in own if not shard.sealed]
        if len(todo) < len(own):
            log.info("%s goes on: %d of its %d shards are there already", share, len(own) - len(todo), len(own))
        for number, shard in enumerate(todo, start=len(own) - len(todo) + 1):
            shard.write(model)
            if not share.alone or len(own) > len(sources):
                log.info("%s embedded %s (%d of %d shards)", share, shard, number, len(own))
        return self.missing(sources)

    def _own(self, sources: Sequence[Source], share: Share) -> Iterator[Shard]:
        every = [shard for source in sources for shard in self.shards(source)]
        return (shard for place, shard in enumerate(every) if place % share.count == share.number)

    def clear(self, sources: Sequence[Source]) -> None:
        """Remove the shards of sources that are merged, and what other weights left under their names."""
        for source in sources:
            shutil.rmtree(self.place(source), ignore_errors=True)
            for folder in (self.folder / PARTS).glob(f"{source.name}-*"):
                if not folder.name.startswith(f"{source.name}-{self.encoder[:_NAMED]}-"):
                    shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are at work in it
            (self.folder / PARTS).rmdir()
