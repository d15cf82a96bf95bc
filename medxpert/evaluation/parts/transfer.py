"""What a run's encoder makes of labelled radiographs that it has never seen: zero-shot, and by a probe on top of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.cases import Cases, is_row_id
from medxpert.data.columns import Columns
from medxpert.data.readers.csv import read
from medxpert.data.store import Store, default_cache, open_store
from medxpert.data.stored import Representation
from medxpert.data.tables import rows as table_rows
from medxpert.evaluation.baselines import thumbnail_components
from medxpert.evaluation.parts.classification import area_blocks, measure_areas
from medxpert.evaluation.parts.leaks import alarms, compare_cases
from medxpert.evaluation.parts.probe import FOLDS, PIXELS, out_of_fold
from medxpert.evaluation.parts.reference import reference_labels
from medxpert.evaluation.parts.zero_shot import prompt_scores
from medxpert.evaluation.subject import ADAPTED, PIXEL, Part
from medxpert.folders import verified
from medxpert.models.inference import NumpyEncoder, open_encoder
from medxpert.run import Run
from medxpert.tables.blocks import Block, Row, Shown
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
        Figures: {"studies", "patients": None where the manifest has none, "rejected": [{"line", "reason"}], "leaks":
        as `compare_cases` returns them, None without training studies, "zero_shot" and "probe": as `measure_areas`
        returns them}. What could not be used is counted in every table and listed in one of its own, by the line of
        the manifest and without any name, because a run's files travel further than its data.

    Raises:
        ConfigError: there is no such manifest, or it has no labels.
        DataError: the manifest or the run is broken, or no image can be used.
    """
    encoder, pairs = open_encoder(run.model), _prompts(run)
    items = list(chain.from_iterable(read(split, manifest, prompts=True) for split in SPLITS))
    studies = [item for item in items if isinstance(item, Study)]
    unusable = [item for item in items if isinstance(item, Rejected)]
    store = open_store(studies, unusable, _PLACE, Representation(encoder.image_side), default_cache())
    cases, name = store.cases, Path(manifest).name.split(".")[0]
    image, labels, patients = _encoded(encoder, store), reference_labels(cases), cases.patient_ids
    features = {PIXEL: thumbnail_components(cases), ADAPTED: image}
    scores = {name: out_of_fold(rows, labels, patients, seed) for name, rows in features.items()}
    figures = {
        "studies": len(store),
        "patients": None if all(map(is_row_id, patients)) else len(set(patients)),
        "rejected": list(_rejected(Path(manifest), store.rejected)),
        "leaks": _leaks(run, cases, name),
        "zero_shot": measure_areas({ADAPTED: prompt_scores(image, pairs)}, labels, patients, seed=seed),
        "probe": measure_areas(scores, labels, patients, (PIXEL, ADAPTED), seed),
    }
    return Part((_PLACE, name), figures, tuple(_blocks(figures, name)), store.policy)


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


def _leaks(run: Run, cases: Cases, name: str) -> dict[str, Any] | None:
    if "train" not in run.splits():
        return None
    return compare_cases(run.embeddings("train").cases, cases, name).figures


def _rejected(manifest: Path, items: Sequence[Rejected]) -> Iterator[dict[str, Any]]:
    """Yield the line of the manifest, None where it cannot be told, and the reason without a path or a study."""
    lines = _lines(manifest)
    for item in items:
        numbered = re.fullmatch(rf"{re.escape(manifest.name)}:(\d+)", item.where)
        if numbered:
            yield {"line": int(numbered[1]), "reason": item.reason}
        else:
            yield {"line": lines.get(item.detail.partition(": ")[0]), "reason": item.reason}


def _lines(manifest: Path) -> dict[str, int]:
    """Return on which line of a manifest each image stands."""
    header, *table = table_rows(manifest, _PLACE)
    columns = Columns.of(header.cells, manifest)
    whole = (row for row in table if len(row.cells) == len(columns.header))
    return {str(manifest.parent / columns.cell(row, "image")): row.line for row in whole}


def _blocks(figures: Mapping[str, Any], name: str) -> Iterator[Block]:
    rejected = figures["rejected"]
    known = figures["patients"] is not None
    studies = f"{figures['studies']:,} studies" + (f" of {figures['patients']:,} patients" if known else "")
    unknown = [] if known else ["patients unknown: folds and intervals by study"]
    warned = alarms(figures["leaks"]) if figures["leaks"] else ["training studies unknown: no leak looked for"]
    counted = "; ".join([*warned, f"{studies}, {len(rejected):,} rows unusable", *unknown])
    folds = f"{FOLDS} folds by {'patient' if known else 'study'}; {PIXELS}; {counted}"
    for part, title, note, contenders in (
        ("zero_shot", "zero-shot", counted, (ADAPTED,)),
        ("probe", "probe", folds, (PIXEL, ADAPTED)),
    ):
        for block in area_blocks(figures[part], f"{name}, {title}", contenders, ADAPTED):
            yield block._replace(note=f"{note}; {block.note}")
    if rejected:
        rows = tuple(Row(_place(item["line"]), (Shown(item["reason"]),)) for item in rejected[:_LISTED])
        note = f"{len(rejected):,} rows" + (f", the first {_LISTED}" if len(rejected) > _LISTED else "")
        yield Block(f"{name}, unusable", note, ("reason",), rows)


def _place(line: int | None) -> str:
    return "line unknown" if line is None else f"line {line:,}"
