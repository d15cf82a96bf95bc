"""Pixels of images in shards, decoded when they are asked for."""

from __future__ import annotations

import operator
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, SupportsIndex

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxpert.data.decoding import num_cores
from medxpert.data.shards.layout import shard_name
from medxpert.data.shards.root import Root
from medxpert.errors import DataError
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, load
from medxpert.images.jpeg import MAGIC, decode_jpeg
from medxpert.images.resize import Fit

_HELD_GROUPS = 32
"""Row groups of a bucket held in memory: twice what training shuffles together, 1 to 2 MB each at 256 px."""
_FETCHES_AT_ONCE = 8
_FEW = 8
"""Below this, other threads cost more than they save: each decodes a part of the batch."""


@dataclass(frozen=True)
class ShardPixels:
    """Grey pixels [M, S, S] of the M images of a split; see `stored.Pixels`.

    Attributes:
        places: `layout.PLACES` of the images.
        fetch: returns the encoded bytes of rows.
        side: S.
        fit: how an image that is not square becomes so.
        name: of the shards' folder and split, for messages.
    """

    places: NDArray[np.void]
    fetch: Callable[[Sequence[int]], list[bytes]]
    side: int
    fit: Fit
    name: str

    def __getitem__(self, rows: SupportsIndex | Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Decode one image to [S, S], or B of them to [B, S, S].

        Raises:
            DataError: a shard is not what was written.
            RemoteError: a bucket does not answer.
        """
        if not isinstance(rows, Sequence | np.ndarray):
            return self[[operator.index(rows)]][0]
        wanted = np.asarray(rows).tolist()
        contents = self.fetch(wanted)
        pixels = np.empty((len(wanted), self.side, self.side), np.uint8)

        def fill(places: NDArray[np.int64]) -> None:
            for place in places.tolist():
                pixels[place] = self._decoded(wanted[place], contents[place])

        # no pool is kept: loader processes are forked, and would wait for threads that they do not have
        parts = np.array_split(np.arange(len(wanted)), num_cores() if len(wanted) >= _FEW else 1)
        with ThreadPoolExecutor(len(parts), "decode") as threads:
            list(threads.map(fill, parts))
        return pixels

    def _decoded(self, row: int, content: bytes) -> NDArray[np.uint8]:
        try:
            if content.startswith(MAGIC):
                return decode_jpeg(content, self.side, self.fit)
            return load(ImageBytes(content), self.side, self.fit)
        except ImageError as error:
            shard = shard_name(int(self.places["shard"][row]))
            raise DataError(
                f"{self.name}/{shard}: an image at byte {self.places['offset'][row]} is broken ({error}); the file is "
                "not what was written: python -m medxpert.prepare verifies and mends it"
            ) from error


class LocalBytes:
    """Encoded images from shards on this machine, each read at its place.

    Read, not memory-mapped: the pages of a map would count as this process's memory until all shards are in it.
    """

    def __init__(self, root: Root, split: str, places: NDArray[np.void]) -> None:
        self._root, self._split, self._places = root, split, places
        self._files: dict[int, BinaryIO] = {}

    def __call__(self, rows: Sequence[int]) -> list[bytes]:
        """Return the encoded bytes."""
        return [self._read(self._places[row]) for row in rows]

    def _read(self, place: np.void) -> bytes:
        shard = int(place["shard"])
        path = self._root.local / self._split / shard_name(shard)  # type: ignore[operator]
        try:
            if shard not in self._files:
                self._files[shard] = path.open("rb", buffering=0)
            return os.pread(self._files[shard].fileno(), int(place["length"]), int(place["offset"]))
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}; bring it back or prepare again") from error

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_files": {}}


class RemoteBytes:
    """Encoded images from shards in a bucket, fetched by row groups, a few at once, the last ones held."""

    def __init__(self, root: Root, split: str, places: NDArray[np.void]) -> None:
        self._root, self._split, self._places = root, split, places
        self._files: dict[int, pq.ParquetFile] = {}
        self._held: OrderedDict[tuple[int, int], pa.Array] = OrderedDict()
        self._first = _first_rows(places)

    def __call__(self, rows: Sequence[int]) -> list[bytes]:
        """Return the encoded bytes, fetching what is not held."""
        keys = [(int(self._places["shard"][row]), int(self._places["group"][row])) for row in rows]
        missing = sorted(set(keys) - self._held.keys())
        groups = {key: self._held[key] for key in keys if key in self._held}
        for shard in {key[0] for key in missing} - self._files.keys():
            self._files[shard] = self._opened(shard)
        with ThreadPoolExecutor(_FETCHES_AT_ONCE, "fetch") as pool:
            groups.update(zip(missing, pool.map(self._group, missing), strict=True))
        self._hold(groups)
        return [groups[key][row - self._first[key]].as_py() for row, key in zip(rows, keys, strict=True)]

    def _hold(self, groups: dict[tuple[int, int], pa.Array]) -> None:
        for key, values in groups.items():
            self._held[key] = values
            self._held.move_to_end(key)
        while len(self._held) > _HELD_GROUPS:
            self._held.popitem(last=False)

    def _opened(self, shard: int) -> pq.ParquetFile:
        name = f"{self._split}/{shard_name(shard)}"
        with self._root.reaching(name):
            return pq.ParquetFile(self._root.open(name))

    def _group(self, key: tuple[int, int]) -> pa.Array:
        shard, group = key
        with self._root.reaching(f"{self._split}/{shard_name(shard)}"):
            column = self._files[shard].read_row_group(group, columns=["images"], use_threads=False).column("images")
        return column.combine_chunks().flatten().field("bytes")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_files": {}, "_held": OrderedDict()}


def _first_rows(places: NDArray[np.void]) -> dict[tuple[int, int], int]:
    """Return the first image row of each row group."""
    pairs = np.stack([places["shard"], places["group"]], axis=1)
    names, first = np.unique(pairs, axis=0, return_index=True)
    return {(int(shard), int(group)): int(row) for (shard, group), row in zip(names, first, strict=True)}
