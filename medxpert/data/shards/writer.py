"""Writes one shard: a parquet file that appears whole, and the tables of its studies beside it."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxpert.cases import encode_labels, write_cases
from medxpert.data.rows import case_row
from medxpert.data.sections import Reports, write_reports
from medxpert.data.shards.encoding import Encoded
from medxpert.data.shards.layout import BYTES, CASES, IMAGES, PLACES, REPORTS, SCHEMA, STUDIES_PER_GROUP
from medxpert.errors import DataError
from medxpert.folders import atomic_file
from medxpert.words import Study

_LENGTH_BYTES = 4


class Prepared(NamedTuple):
    """A study with its usable images, the one that stands for it first."""

    study: Study
    images: Sequence[Encoded]

    @property
    def num_bytes(self) -> int:
        """Encoded bytes of its images."""
        return sum(len(image.data) for image in self.images)


def write_shard(path: Path, studies: Sequence[Prepared], split: str, number: int, first_row: int, tables: Path) -> None:
    """Write a shard and the tables of its studies.

    Args:
        path: of the shard; it appears whole or not at all.
        studies: what it holds.
        split: where they stand.
        number: of the shard in its split.
        first_row: row of the first study in the split.
        tables: an existing folder for cases.parquet, reports.parquet and images.npy.

    Raises:
        ConfigError: a file cannot be written.
    """
    with atomic_file(path) as sibling:
        with pq.ParquetWriter(
            sibling, SCHEMA, compression=_compression(), use_dictionary=_dictionaries(), write_statistics=False
        ) as file:
            for start in range(0, len(studies), STUDIES_PER_GROUP):
                group = [_row(one, split) for one in studies[start : start + STUDIES_PER_GROUP]]
                file.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
        np.save(tables / IMAGES, _places(sibling, studies, number, first_row))
        write_reports(tables / REPORTS, Reports.of([one.study for one in studies]))
        rows = (
            case_row(one.study, one.images[0], "longest", split, first_row + place, 1)
            for place, one in enumerate(studies)
        )
        write_cases(tables / CASES, rows)


def _columns() -> list[str]:
    lists = {"labels": "labels.list.element", "views": "views.list.element"}
    names = [lists.get(name, name) for name in SCHEMA.names if name != "images"]
    return [*names, "images.list.element.path", BYTES]


def _compression() -> dict[str, str]:
    """Compress everything but the pictures, which are compressed."""
    return {name: "NONE" if name == BYTES else "ZSTD" for name in _columns()}


def _dictionaries() -> list[str]:
    """Name what repeats; a dictionary of pictures would hide where each one lies."""
    return ["source", "policy", "split", "text_kind"]


def _row(one: Prepared, split: str) -> dict[str, Any]:
    study = one.study
    return {
        "study_id": study.study_id,
        "patient_id": study.patient_id,
        "source": study.source,
        "policy": study.policy,
        "split": split,
        "findings": study.findings,
        "impression": study.impression,
        "text_kind": study.text_kind,
        "truth": json.dumps(study.truth) if study.truth else None,
        "weight": study.weight,
        "labels": encode_labels(study.labels),
        "views": [image.view for image in study.images],
        "images": [{"bytes": image.data, "path": image.path} for image in one.images],
    }


def _places(path: Path, studies: Sequence[Prepared], number: int, first_row: int) -> NDArray[np.void]:
    """Find where each image's bytes lie in the file, so that one can be read without its row group."""
    owners = [(place, image, view) for place, one in enumerate(studies) for image, view in _viewed(one)]
    places = np.zeros(len(owners), PLACES)
    found = _offsets(path, [image.data for _, image, _ in owners])
    for row, ((place, image, view), offset) in enumerate(zip(owners, found, strict=True)):
        places[row] = (
            first_row + place,
            number,
            place // STUDIES_PER_GROUP,
            offset,
            len(image.data),
            view.encode("ascii", "replace"),
            bytes.fromhex(image.sha256),
        )
    return places


def _viewed(one: Prepared) -> Iterator[tuple[Encoded, str]]:
    return zip(one.images, (image.view for image in one.study.images), strict=True)


def _offsets(path: Path, pictures: Sequence[bytes]) -> Iterator[int]:
    """Yield the place of each picture; they stand in order, each behind its length (parquet's PLAIN encoding)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = 0
        for data in pictures:
            framed = len(data).to_bytes(_LENGTH_BYTES, "little") + data
            start = content.find(framed, end)
            if start < 0:
                raise DataError(f"{path}: an image is not where pyarrow should put it; report this and its version")
            end = start + len(framed)
            yield start + _LENGTH_BYTES
