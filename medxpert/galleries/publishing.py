"""From sealed shards to what a run offers: embeddings, prompts, samples, and the index with what was added to it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.embedding import INDEXED, Vectors, write_model, write_prompts, write_samples
from medxpert.errors import DataError
from medxpert.folders import MANIFEST, atomic_folder, read_json, seal, verified
from medxpert.galleries.merge import merge
from medxpert.galleries.shards import Cut
from medxpert.galleries.source import Source
from medxpert.indexes.joined import ADDED, CASES, additions, cases_digests
from medxpert.indexes.writing import write_index
from medxpert.models.clip import CLIP
from medxpert.privacy import strictest
from medxpert.run import Run
from medxpert.words import Index

_STARTS = tuple(f"start_{side}.npy" for side in Vectors._fields)
log = logging.getLogger(__name__)


def starting_prompts(run: Run) -> NDArray[np.float16]:
    """Return the prompts' directions by the starting weights, [14, 2, D], if all else of these is there too.

    Raises:
        DataError: a file is missing or damaged, which nobody but a new training can bring back.
    """
    rows = [run.path / "embeddings" / split / name for split in run.splits() for name in _STARTS]
    prompts = run.path / "prompts" / "start_prompts.npy"
    for path in (*rows, prompts):
        try:
            array: NDArray[np.float16] = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is missing or damaged; make the run again: python train.py") from error
    return np.array(array)


def publish_shards(
    run: Run,
    model: CLIP,
    sources: Sequence[Source],
    cut: Cut,
    make_index: Callable[[], Index],
    chosen: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write again what `embedding.publish` wrote, from shards of every split.

    What the starting weights made of the studies is kept, and so are the studies that were added to the run.

    Args:
        run: with embeddings.
        model: that embedded.
        sources: every split.
        cut: how their shards were cut.
        make_index: makes an empty index.
        chosen: what it is made from, where that is not in the run's configuration: `chosen_index` tells it later.

    Returns:
        The manifest of the index.

    Raises:
        DataError: a shard, or what the starting weights made, is missing or damaged.
    """
    prompts = starting_prompts(run)
    stamp = write_model(run.path, model, {source.name: source.store for source in sources})
    for source in sources:
        _write_split(run, source, cut, stamp)
    write_prompts(run.path, model, prompts, stamp)
    write_samples(run.path / "samples", next(one.store for one in sources if one.name == "test"), model.policy)
    return index_again(run, stamp, make_index, chosen)


def _write_split(run: Run, source: Source, cut: Cut, stamp: Mapping[str, str]) -> None:
    folder = run.path / "embeddings" / source.name
    with atomic_folder(folder) as sibling:
        merge(cut.shards(source), sibling)
        for name in _STARTS:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, sibling / name)
        shutil.copyfile(source.store.cases_path, sibling / CASES)
        seal(sibling, stamp)


def index_again(
    run: Run, stamp: Mapping[str, str], make_index: Callable[[], Index], chosen: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Index the training studies and the former index's additions by the same encoder, and return the manifest.

    Args:
        run: with embeddings.
        stamp: encoder and policy of the training studies.
        make_index: makes an empty index.
        chosen: as `publish_shards` has it.
    """
    sealed = sealed_additions(run)
    if strange := [str(run.path / ADDED / name) for name in additions(run.path) if name not in sealed]:
        told = "%s: no index held it, and it is left out; give the command that added it again, or remove it"
        log.warning(told, ", ".join(strange))
    own = [name for name, manifest in sealed.items() if manifest["encoder"] == stamp["encoder"]]
    if len(own) < len(sealed):
        log.warning("%d additions were embedded by other weights and are left out", len(sealed) - len(own))
    policy = strictest([stamp["policy"], *(sealed[name]["policy"] for name in own)])
    folders = [run.path / "embeddings" / INDEXED, *(run.path / ADDED / name for name in own)]
    fields: dict[str, Any] = {**stamp, "policy": policy, "split": INDEXED, "cases": cases_digests(folders)}
    fields |= {"added": own} if own else {}
    fields |= {"chosen": chosen} if chosen else {}
    val, former = run.path / "embeddings" / "val", _made_by(run)
    write_index(run.index, make_index, _rows(folders), fields, _rows([val]) if val.is_dir() else None)
    made_by = _made_by(run)
    if chosen is None and former not in ("", made_by):
        log.warning("the index was of class %s and is of %s now, as configured; index= makes another", former, made_by)
    return verified(run.index)


def sealed_additions(run: Run) -> dict[str, dict[str, Any]]:
    """Return the manifests of the additions that the index holds.

    Raises:
        DataError: one is damaged.
    """
    cure = "rm -r {}; then this command again, and after it the command that added its studies"
    held = _held(run)
    folders = {name: run.path / ADDED / name for name in additions(run.path) if name in held}
    return {name: verified(folder, cure.format(folder)) for name, folder in folders.items()}


def chosen_index(run: Run) -> dict[str, Any] | None:
    """Return what the index was made from where that was chosen after the training; None where it was not.

    The provenance tells it where no index can.
    """
    chosen = (_told_by_index(run) or run.provenance).get("chosen")
    return chosen if isinstance(chosen, dict) else None


def _made_by(run: Run) -> str:
    return str(_told_by_index(run).get("index", "")).rpartition(".")[2]


def _told_by_index(run: Run) -> dict[str, Any]:
    """Return the manifest of the index, empty where none can be read."""
    try:
        told = read_json(run.index / MANIFEST)
    except DataError:
        return {}
    return told if isinstance(told, dict) else {}


def _held(run: Run) -> list[str]:
    """Return the additions that the former index holds, or the provenance where no index can tell."""
    manifest = _told_by_index(run)
    return list(manifest.get("added", [])) if manifest else [one["name"] for one in run.provenance.get("added", [])]


def _rows(folders: Sequence[Path]) -> Vectors:
    sides = ([np.load(folder / f"{side}.npy", mmap_mode="r") for folder in folders] for side in Vectors._fields)
    return Vectors(*(one[0] if len(one) == 1 else np.concatenate(one) for one in sides))
