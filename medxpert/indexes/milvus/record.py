"""The file by which a run finds its collection again, and tells whether it is still the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.indexes.milvus.collection import Kind
from medxpert.indexes.milvus.server import cure

_NUM_SAMPLES = 8


@dataclass(frozen=True)
class Held:
    """What the file of an index says of its collection.

    Attributes:
        uri: of the database, without credentials.
        collection: its name there.
        count: N.
        dim: D.
        kind: of index.
        effort: how thoroughly an approximate kind looks.
        most: the greatest effort there is.
        recall: of the ten nearest, as measured when it was built.
        samples: row -> sha256 of its D float32 numbers, little-endian.
        home: the run it was built for.
        timeout_seconds: for one answer.
    """

    uri: str
    collection: str
    count: int
    dim: int
    kind: Kind
    timeout_seconds: float
    effort: int = 0
    most: int = 0
    recall: float = 1.0
    samples: Mapping[str, str] = field(default_factory=dict)
    home: str = ""


def read(path: Path) -> Held:
    """Read what `MilvusIndex.save` wrote.

    Raises:
        DataError: the file is missing or broken.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such index; {cure(run_of(path))}")
    try:
        return Held(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"{path}: broken index; {cure(run_of(path))}") from error


def run_of(path: Path) -> Path:
    """Return the run that a file belongs to; it is written as RUN/.index.1234/both.index and renamed."""
    return path.resolve().parent.parent


def belongs(held: Held, run: Path) -> bool:
    """Tell whether a collection was built for a run, not for one that this is a copy of."""
    return Path(held.home).resolve() == run.resolve()


def samples_of(vectors: NDArray[np.float32], first: int = 0) -> dict[str, str]:
    """Return the digests of some of the rows [M, D] that are held from row `first` on, the last one among them."""
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), _NUM_SAMPLES)).astype(int)).tolist()
    return {str(first + row): digest(vectors[row]) for row in chosen}


def digest(vector: NDArray[np.float32]) -> str:
    """Return the sha256 of D float32 numbers, the same on every machine."""
    return hashlib.sha256(vector.astype("<f4").tobytes()).hexdigest()
