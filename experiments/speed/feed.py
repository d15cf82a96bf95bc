"""How fast do shards feed a training, and how much memory do they take?

$ python experiments/speed/feed.py                  # 200,000 studies at 256 px: about 5 minutes on 2 cores
$ python experiments/speed/feed.py studies=2000     # a trial
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection
from functools import partial
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medxpert.cases import ROWS_PER_GROUP
from medxpert.data.readers.phantom import read
from medxpert.data.readers.shards import Shards
from medxpert.data.shards.layout import CASES, IMAGES, REPORTS, TABLES, shard_name
from medxpert.datamodule import DataModule
from medxpert.folders import MANIFEST, read_json, sha256, write_json
from medxpert.models.tokenizer import clip_tokenizer
from medxpert.preparation.build import Storage
from medxpert.preparation.prepare import prepare

_SIDE, _ORIGINALS = 256, 1000
_BATCH = 128
_FEWER = 20_000
_MB = 2**20


def prepared(folder: Path, side: int, originals: int) -> Path:
    """Prepare phantom films, rendered at the side they are stored with."""
    reader = partial(read, num_studies=originals, side=side)
    prepare(reader, Storage(side), folder, {"side": side})
    return folder


def repeated(source: Path, target: Path, studies: int) -> Path:
    """Make a prepared folder whose training shard stands there as often as needed; the copies take no disk."""
    shutil.copytree(source, target)
    places = np.load(source / "train" / IMAGES)
    count = len(np.unique(places["study"]))
    times = -(-studies // count)
    for number in range(1, times):
        os.link(target / "train" / shard_name(0), target / "train" / shard_name(number))
    copies = []
    for number in range(times):
        copy = places.copy()
        copy["study"] += number * count
        copy["shard"] = number
        copies.append(copy)
    np.save(target / "train" / IMAGES, np.concatenate(copies))
    for name in (CASES, REPORTS):
        table = pa.concat_tables([pq.read_table(source / "train" / name)] * times)
        pq.write_table(table, target / "train" / name, row_group_size=ROWS_PER_GROUP)
    manifest = read_json(target / MANIFEST)
    entry = manifest["files"][f"train/{shard_name(0)}"]
    manifest["files"] |= {f"train/{shard_name(number)}": entry for number in range(times)}
    for name in TABLES:
        path = target / "train" / name
        manifest["files"][f"train/{name}"] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    manifest["splits"]["train"] |= {"studies": times * count, "images": times * len(places)}
    write_json(target / MANIFEST, manifest)
    return target


def resident_mb() -> float:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB


def fed(root: str, side: int, cache: Path, cores: Collection[int]) -> dict[str, float]:
    """Go through one epoch as training does, on some cores: read, decode, choose texts, tokenise."""
    os.sched_setaffinity(0, cores)
    data = DataModule(Shards(root), clip_tokenizer(), side, batch_size=_BATCH, cache=str(cache))
    data.setup()
    start, most, rows = resident_mb(), 0.0, 0
    began = monotonic()
    for batch in data.train_dataloader():
        rows += len(batch.rows)
        most = max(most, resident_mb())
    return {
        "cores": len(cores),
        "images": rows,
        "images_per_second": round(rows / (monotonic() - began)),
        "memory_growth_mb": round(most - start),
    }


def main() -> None:
    """Measure and print JSON."""
    options = {"studies": 200_000, "originals": _ORIGINALS, "side": _SIDE}
    options |= {key: int(value) for key, value in (word.split("=") for word in sys.argv[1:])}
    side = options["side"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = prepared(folder / "source", side, options["originals"])
        root = repeated(source, folder / "shards", options["studies"])
        every = os.sched_getaffinity(0)
        one = {min(every)}
        fewer = repeated(source, folder / "fewer", min(options["studies"], _FEWER))
        cache = folder / "cache"
        result = {
            "stored_px": side,
            f"one core, {side} px": fed(str(fewer), side, cache, one),
            f"one core, {side * 7 // 8} px": fed(str(fewer), side * 7 // 8, cache, one),
            f"all cores, {side} px": fed(str(root), side, cache, every),
            f"all cores, {side} px, streamed": fed(f"file://{root}", side, cache, every),
        }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
