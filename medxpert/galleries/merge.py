"""From shards to one folder of embeddings, row by row on disk: never more than a shard in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medxpert.folders import verified
from medxpert.galleries.shards import Shard


def merge(shards: Sequence[Shard], folder: Path) -> None:
    """Write image.npy and text.npy, float16 [N, D], and truncated.npy, bool [N], of all shards of a source.

    Texts that are equal after normalisation get one and the same row, so that their scores tie exactly.

    Args:
        shards: all of them, in order.
        folder: exists; other files in it stay.

    Raises:
        DataError: a shard is damaged.
    """
    source = shards[0].source
    count, width = len(source.store), np.load(shards[0].folder / "image.npy", mmap_mode="r").shape[1]
    image, text = (_new(folder / f"{side}.npy", np.float16, (count, width)) for side in ("image", "text"))
    truncated = _new(folder / "truncated.npy", np.bool_, (count,))
    for shard in shards:
        verified(shard.folder, cure=f"rm -r {shard.folder}, then the same command")
        rows, new = slice(shard.start, shard.stop), source.new_texts(shard.start, shard.stop)
        image[rows] = np.load(shard.folder / "image.npy")
        if len(new):
            text[new] = np.load(shard.folder / "text.npy")
        text[rows] = text[source.first[rows]]
        truncated[rows] = np.load(shard.folder / "truncated.npy")
    for array in (image, text, truncated):
        array.flush()


def _new(path: Path, dtype: type, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype]:
    return np.lib.format.open_memmap(path, "w+", dtype, shape)
