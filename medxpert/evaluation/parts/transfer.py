"""What a run's encoder makes of labelled radiographs that it has never seen: zero-shot, and by a probe on top of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.data.csv import read
from medxpert.data.store import Store, default_cache, open_store
from medxpert.evaluation.baselines import thumbnail_components
from medxpert.evaluation.parts.classification import area_blocks, measure_areas
from medxpert.evaluation.parts.probe import FOLDS, out_of_fold
from medxpert.evaluation.parts.reference import reference_labels
from medxpert.evaluation.parts.zero_shot import prompt_scores
from medxpert.evaluation.subject import ADAPTED, PIXEL, Part
from medxpert.evaluation.tables.blocks import Block, Row, Shown
from medxpert.folders import verified
from medxpert.models.inference import NumpyEncoder, open_encoder
from medxpert.run import Run
from medxpert.words import SPLITS, Rejected, Study

_PLACE = "transfer"
_BATCH = 64
_LISTED = 10
"""Unusable rows that the table names; metrics.json names all."""


def transfer(run: Run, manifest: str, seed: int = 0) -> Part:
    """Classify the radiographs of a manifest, all its splits together, with an encoder that was not trained on them.

    Zero-shot by the run's prompts; and by linear probes on the frozen embeddings and on pixels, each study scored by
    a probe that was fitted on other patients of the manifest, in five folds. Decoded images are kept in the cache.

    Args:
        run: its exported encoder and its prompts are used.
        manifest: a file with labels that `data.csv` reads.
        seed: of the folds and of the bootstrap draws.

    Returns:
        Figures: {"studies", "patients", "rejected": [{"where", "reason"}], "zero_shot" and "probe": as `measure_areas`
        returns them}. What could not be used is counted in every table and listed in one of its own.

    Raises:
        ConfigError: there is no such manifest, or it has no labels.
        DataError: the manifest or the run is broken, or no image can be used.
    """
    encoder, pairs = open_encoder(run.model), _prompts(run)
    reader = partial(_every_split, manifest)
    store = open_store(reader, _PLACE, encoder.image_side, "longest", "frontal_first", default_cache())
    image, labels, patients = _encoded(encoder, store), reference_labels(store.cases), store.cases.patient_ids
    features = {PIXEL: thumbnail_components(store.cases), ADAPTED: image}
    scores = {name: out_of_fold(rows, labels, patients, seed) for name, rows in features.items()}
    figures = {
        "studies": len(store),
        "patients": len(set(patients)),
        "rejected": [{"where": item.where, "reason": item.reason} for item in store.rejected],
        "zero_shot": measure_areas({ADAPTED: prompt_scores(image, pairs)}, labels, patients, seed=seed),
        "probe": measure_areas(scores, labels, patients, (PIXEL, ADAPTED), seed),
    }
    name = Path(manifest).name.split(".")[0]
    return Part((_PLACE, name), figures, tuple(_blocks(figures, name)))


def _every_split(manifest: str, _: str) -> Iterator[Study | Rejected]:
    return chain.from_iterable(read(split, manifest, prompts=True) for split in SPLITS)


def _prompts(run: Run) -> NDArray[np.float16]:
    verified(run.path / "prompts")
    pairs: NDArray[np.float16] = np.load(run.path / "prompts" / "prompts.npy")
    return pairs


def _encoded(encoder: NumpyEncoder, store: Store) -> NDArray[np.float32]:
    """Return one unit row per study, [N, D]."""
    rows = np.concatenate(store.image_rows)
    parts = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
    steps = track(parts, "embedding images", console=Console(stderr=True), transient=True)
    return np.concatenate([encoder.encode_images(store.pixels[part]) for part in steps])


def _blocks(figures: Mapping[str, Any], name: str) -> Iterator[Block]:
    rejected = figures["rejected"]
    counted = f"{figures['studies']:,} studies of {figures['patients']:,} patients, {len(rejected):,} rows unusable"
    folds = f"{FOLDS} folds by patient; {counted}"
    for part, title, note, contenders in (
        ("zero_shot", "zero-shot", counted, (ADAPTED,)),
        ("probe", "probe", folds, (PIXEL, ADAPTED)),
    ):
        headings = {contender: contender for contender in contenders}
        for block in area_blocks(figures[part], f"{name}, {title}", headings, ADAPTED):
            yield block._replace(note=f"{note}; {block.note}")
    if rejected:
        rows = tuple(Row(item["where"], (Shown(item["reason"]),)) for item in rejected[:_LISTED])
        note = f"{len(rejected):,} rows" + (f", the first {_LISTED}" if len(rejected) > _LISTED else "")
        yield Block(f"{name}, unusable", note, ("reason",), rows)
