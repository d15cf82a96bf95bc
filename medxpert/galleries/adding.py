"""Studies added to the gallery of a finished run: embedded by its weights, indexed behind the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from medxpert.data.store import open_store
from medxpert.data.stored import PreparedReader, Representation, Stored
from medxpert.data.survey import survey
from medxpert.embedding import INDEXED, Vectors
from medxpert.folders import MANIFEST, atomic_folder, read_json, seal, verified, write_json
from medxpert.galleries.merge import merge
from medxpert.galleries.news import Known, News, news_of
from medxpert.galleries.shards import Cut
from medxpert.galleries.source import Chosen, Source
from medxpert.indexes.adding import add_to_index
from medxpert.indexes.copying import copy_cases
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.joined import ADDED, additions, cases_digests
from medxpert.models.folder import read_card
from medxpert.privacy import strictest
from medxpert.run import PROVENANCE, Run
from medxpert.words import Reader

Splits = Literal["train", "all"]
NAME = ADDED
"""Of the source that an addition is, beside the splits."""


class Addition(NamedTuple):
    """Studies of one store that are new to a run.

    Attributes:
        store: with others too.
        news: which are new.
        source: the new ones, to be embedded; None where there are none.
    """

    store: Stored
    news: News
    source: Source | None


def open_new(reader: Reader, shown: Representation, cache: Path, splits: Splits) -> list[Stored]:
    """Open the studies that a reader offers: its training split, or all.

    Raises:
        DataError: none can be used, or patients stand in two splits.
    """
    if isinstance(reader, PreparedReader):
        return [
            store for split, store in reader.open_splits(shown, cache).items() if splits == "all" or split == INDEXED
        ]
    found = survey(reader)
    wanted = [split for split in found.studies if splits == "all" or split == INDEXED]
    studies = [study for split in wanted for study in found.studies[split]]
    rejected = [item for split in wanted for item in found.rejected[split]]
    return [open_store(studies, rejected, INDEXED, shown, cache)]


def addition_of(run: Run, encoder: str, store: Stored, prefix: str | None) -> Addition:
    """Find what of a store is new to a run.

    Raises:
        DataError: the run's index or embeddings are damaged.
    """
    held_out = {split: run.embeddings(split).cases for split in run.splits() if split != INDEXED}
    news = news_of(store.cases, Known(Gallery(run, encoder).cases, held_out), prefix)
    if not len(news.rows):
        return Addition(store, news, None)
    texts = store.cases.texts
    return Addition(store, news, Source(NAME, Chosen(store, news.rows), [texts[row] for row in news.rows.tolist()]))


def add(run: Run, addition: Addition, cut: Cut, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the shards of an addition into a folder of their own, put them into the index, and note it.

    A process that is killed leaves the old index, or the new one; the same command then finishes the rest.

    Args:
        run: to be added to; nobody else changes it meanwhile.
        addition: with something new, of which all shards are sealed.
        cut: how they were cut.
        facts: about it, for its manifest.

    Returns:
        The manifest of the index.
    """
    cure = f"python -m medxpert.embed run={run.path}"
    before = verified(run.index, cure)
    held = before.get("added", [])
    source, news = addition.source, addition.news
    if source is None:
        raise ValueError("nothing is new: the caller asks first")
    # embeddings tell of what their weights were trained on, too
    policy = strictest([addition.store.policy, read_card(run.model).policy])
    changed = {"study_id": news.study_ids, "patient_id": news.patient_ids, "split": [INDEXED] * len(news.rows)}
    told = {"encoder": cut.encoder, "policy": policy, "store": source.store.fingerprint, "studies": len(news.rows)}
    name = _free_name(run, held, told)
    folder = run.path / ADDED / name
    with atomic_folder(folder) as sibling:
        merge(cut.shards(source), sibling)
        copy_cases(addition.store.cases_path, sibling / "cases.parquet", news.rows, changed)
        seal(sibling, {**told, **facts, "finished": datetime.now(UTC).isoformat(timespec="seconds")})
    folders = [run.path / "embeddings" / before["split"], *(run.path / ADDED / one for one in [*held, name])]
    stricter = strictest([before["policy"], policy])
    fields = {"policy": stricter, "added": [*held, name], "cases": cases_digests(folders)}
    add_to_index(run.index, _vectors(folder), fields, cure)
    return note_index(run)


def _free_name(run: Run, held: Sequence[str], told: Mapping[str, Any]) -> str:
    """Return the name of what a killed process left of the same addition, else a number above all that there are."""
    there = additions(run.path)
    for name in there:
        left = read_json(run.path / ADDED / name / MANIFEST)
        if name not in held and all(left.get(key) == value for key, value in told.items()):
            return name
    return str(1 + max(map(int, [*held, *there]), default=0))


def _vectors(folder: Path) -> Vectors:
    return Vectors(*(np.load(folder / f"{side}.npy", mmap_mode="r") for side in Vectors._fields))


def note_index(run: Run) -> dict[str, Any]:
    """Let a run's provenance say what its index holds beside the training studies, and what was chosen for it.

    Returns:
        The index's manifest.
    """
    manifest = verified(run.index)
    if not any(told.get(name) for told in (manifest, run.provenance) for name in ("added", "chosen")):
        return manifest
    sealed = {name: verified(run.path / ADDED / name) for name in manifest.get("added", [])}
    added = [
        {"name": name} | {key: told for key, told in one.items() if key != "files"} for name, one in sealed.items()
    ]
    policy = strictest([read_card(run.model).policy, manifest["policy"]])
    told = {"policy": policy, "added": added, "chosen": manifest.get("chosen")}
    write_json(run.path / PROVENANCE, {**run.provenance, **told})
    return manifest
