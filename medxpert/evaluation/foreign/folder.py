"""The door for anyone's embeddings: a folder of image.npy, text.npy and a list of the studies becomes a subject."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.errors import ConfigError, DataError
from medxpert.evaluation.foreign.arrays import Rows, open_flags, open_prompts, open_rows
from medxpert.evaluation.foreign.cases import CSV, PARQUET, open_cases
from medxpert.evaluation.foreign.labels import text_labels
from medxpert.evaluation.subject import GIVEN, Placed, Subject, Vectors
from medxpert.folders import MANIFEST, read_json, verified
from medxpert.ontology import MISSING
from medxpert.text import normalise

_IMAGE, _TEXT, _PROMPTS, _TRUNCATED = "image.npy", "text.npy", "prompts.npy", "truncated.npy"
_SAME = 0.999
"""Cosine from which two embeddings of one text count as the same."""


class Opened(NamedTuple):
    """Embeddings from elsewhere, ready to be measured."""

    subject: Subject
    remarks: tuple[str, ...]
    """What was missing, changed or left out, one line each."""


class _Folder(NamedTuple):
    cases: Cases
    vectors: Vectors
    truncated: NDArray[np.bool_] | None
    remarks: list[str]
    unused_labels: tuple[str, ...] = ()


def open_embeddings(folder: Path, split: str, train: Path | None = None) -> Opened:
    """Open image.npy and text.npy [N, D] of any float type, beside cases.parquet or cases.csv with N rows.

    A run's embeddings/<split> is such a folder. Of the list only the texts are required (column text, report, or
    findings and impression); study_id, patient_id, view, section, source, policy, image_hash, truncated and labels
    are used where they stand. prompts.npy [14, 2, D] and truncated.npy [N] may lie beside it. Studies without text
    are left out.

    Args:
        folder: of the split.
        split: what to call it.
        train: a folder of the same kind with what the model was trained on.

    Raises:
        ConfigError: there is no such folder.
        DataError: a file is missing, broken, or does not fit the others.
    """
    found = _open(folder, "embeddings")
    prompts = _prompts(folder, found.vectors)
    told = [f"no {_PROMPTS}: no zero-shot classification."] if prompts is None else list(prompts.remarks)
    known = None if train is None else _open(train, "train")
    if known is not None:
        _check_widths(train or folder, known.vectors.image, folder / _IMAGE, found.vectors.image)
        told += [f"train: {remark}" for remark in known.remarks]
    subject = Subject(
        split=split,
        cases=found.cases,
        main=GIVEN,
        starting=None,
        vectors={GIVEN: found.vectors},
        prompts={} if prompts is None else {GIVEN: prompts.vectors},
        train=None if known is None else Placed(known.cases, {GIVEN: known.vectors}),
        truncated=found.truncated,
    )
    return Opened(subject, (*found.remarks, *told))


def _open(folder: Path, flag: str) -> _Folder:
    _check_files(folder, flag)
    image, text = open_rows(folder / _IMAGE), open_rows(folder / _TEXT)
    _check_widths(folder / _IMAGE, image.vectors, folder / _TEXT, text.vectors)
    cases, truncated, remarks, unused = open_cases(folder, _is_sealed(folder))
    if not len(image.vectors) == len(text.vectors) == len(cases):
        raise DataError(
            f"{folder}: expected one row per study, found {len(image.vectors):,} images, {len(text.vectors):,} texts "
            f"and {len(cases):,} rows in {cases.path.name}; write the three in one order"
        )
    if (folder / _TRUNCATED).is_file():
        truncated = open_flags(folder / _TRUNCATED, len(cases))
    vectors = Vectors(image.vectors, text.vectors)
    found = _worded(_Folder(cases, vectors, truncated, [*image.remarks, *text.remarks, *remarks], unused))
    return _labelled(found._replace(remarks=found.remarks + _restated(found)))


def _check_files(folder: Path, flag: str) -> None:
    if not folder.is_dir():
        raise ConfigError(f"{flag}={folder}: no such folder; give one with {_IMAGE}, {_TEXT} and {PARQUET} or {CSV}")
    absent = [name for name in (_IMAGE, _TEXT) if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in (PARQUET, CSV)):
        absent.append(f"{PARQUET} or {CSV}")
    if absent:
        held = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        raise DataError(f"{folder}: expected {_IMAGE}, {_TEXT} and {PARQUET} or {CSV}; no {absent[0]}, found {held}")


def _is_sealed(folder: Path) -> bool:
    """Tell whether a manifest vouches for the list of studies, after checking every file that it names."""
    manifest = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else None
    if not isinstance(manifest, dict) or "files" not in manifest:
        return False
    return PARQUET in verified(folder, cure="embed the split again")["files"]


def _check_widths(path: Path, rows: NDArray, other_path: Path, others: NDArray) -> None:
    width, other = rows.shape[-1], others.shape[-1]
    if width != other:
        raise DataError(f"{path} has width {width}, {other_path} {other}; both must come from one model")


def _prompts(folder: Path, vectors: Vectors) -> Rows | None:
    path = folder / _PROMPTS
    if not path.is_file():
        return None
    prompts = open_prompts(path)
    _check_widths(path, prompts.vectors, folder / _IMAGE, vectors.image)
    return prompts


def _worded(found: _Folder) -> _Folder:
    """Leave out the studies whose text holds no letter and no digit."""
    worded = np.array([any(map(str.isalnum, text or "")) for text in found.cases.texts])
    if worded.all():
        return found
    if not worded.any():
        raise DataError(f"{found.cases.path}: expected texts, found {len(worded):,} rows without a word")
    rows = np.flatnonzero(worded)
    told = (
        f"{(~worded).sum():,} of {len(worded):,} studies have no text and are left out (first: row {worded.argmin()})."
    )
    return found._replace(
        cases=found.cases.take(rows),
        vectors=Vectors(found.vectors.image[rows], found.vectors.text[rows]),
        truncated=None if found.truncated is None else found.truncated[rows],
        remarks=[*found.remarks, told],
    )


def _restated(found: _Folder) -> list[str]:
    """Say where one text has several embeddings, for retrieval counts it once."""
    numbers: dict[str, int] = {}
    firsts = np.array([numbers.setdefault(normalise(text), row) for row, text in enumerate(found.cases.texts)])
    text = found.vectors.text
    repeats = np.flatnonzero(firsts != np.arange(len(firsts)))
    cosines = np.array([np.dot(text[row].astype(np.float32), text[firsts[row]].astype(np.float32)) for row in repeats])
    count = np.count_nonzero(cosines < _SAME)
    if not count:
        return []
    return [
        f"{_TEXT}: {count:,} rows repeat a text under another embedding (cosine down to {cosines.min():.2f}); "
        "the first one stands for all."
    ]


def _labelled(found: _Folder) -> _Folder:
    """Read labels from the texts where none are given; say which names are none of ours."""
    unused = ", ".join(found.unused_labels)
    if (found.cases.labels != MISSING).any():
        told = f"{found.cases.path.name}: labels outside the 14 observations, not used: {unused}."
        return found._replace(remarks=found.remarks + [told] * bool(unused))
    labels = text_labels(found.cases.texts, found.unused_labels)
    return found._replace(cases=found.cases.relabelled(labels.values), remarks=found.remarks + labels.remarks)
