"""The cases table: one row per study, columns read when somebody asks for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.ontology import MISSING, OBSERVATIONS, is_abnormal

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("study_id", "patient_id", "text", "section", "view", "split")),
        *((name, pa.string()) for name in ("source", "policy", "path", "truth", "image_hash")),
        ("images", pa.int32()),
        ("labels", pa.list_(pa.int8(), len(OBSERVATIONS))),
        ("thumbnail", pa.binary()),
    ]
)
"""`images` counts those behind the embedding, `truth` is JSON or null, `image_hash` is the sha256 of the first image's
decoded pixels, `labels` holds `ontology.MISSING` where nothing was said, `thumbnail` is a grey JPEG."""

_OPTIONAL = {"image_hash"}
"""Columns that older tables lack."""

_UNKNOWN: Mapping[str, Any] = {
    **dict.fromkeys(("text", "section", "view", "split", "source", "path"), ""),
    "policy": "private",
    "images": 1,
    "labels": [MISSING] * len(OBSERVATIONS),
}
"""What stands in columns that nobody gave; null in the others."""

ROWS_PER_GROUP = 256
"""Small row groups: one thumbnail is read without touching the others."""

_READING = Lock()
"""Sessions of the app share tables, and two threads within one file's reader end the process."""

_OFTEN = 8
"""Times that single studies are read from their row groups, before whole columns are kept: who asks once waits less."""

_NO_LABELS = np.empty((0, len(OBSERVATIONS)), np.int8)
_ROW_ID = re.compile(r"row \d+")


def encode_labels(labels: Mapping[str, int]) -> list[int]:
    """Order a mapping as `ontology.OBSERVATIONS`, with MISSING for what is absent."""
    return [labels.get(name, MISSING) for name in OBSERVATIONS]


def decode_labels(values: Sequence[int] | NDArray[np.int8]) -> dict[str, int]:
    """Invert `encode_labels`."""
    return {name: int(v) for name, v in zip(OBSERVATIONS, values, strict=True) if v != MISSING}


def row_id(row: int) -> str:
    """Stand in for an identifier that nobody gave."""
    return f"row {row}"


def is_row_id(value: str) -> bool:
    """Tell whether an identifier stands in for one that nobody gave, and so identifies nothing elsewhere."""
    return _ROW_ID.fullmatch(value) is not None


def write_cases(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows that have every column of `SCHEMA`."""
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)
    pq.write_table(table, path, row_group_size=ROWS_PER_GROUP, compression="zstd")


def absent_columns(path: Path, cure: str = "python train.py") -> list[str]:
    """Return the names in `SCHEMA` that a table must have and a parquet file has not.

    Raises:
        DataError: the file is missing or no parquet table; the message names `cure`.
    """
    return _absent(_opened(path, cure))


def read_table(path: Path) -> dict[str, list[Any]]:
    """Read any parquet table as Python values: column -> N values; columns of bytes are left out."""
    file = pq.ParquetFile(path, memory_map=True)
    names = [field.name for field in file.schema_arrow if not pa.types.is_binary(field.type)]
    columns: dict[str, list[Any]] = file.read(columns=names).to_pydict()
    return columns


def _opened(path: Path, cure: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, memory_map=True)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} is missing or no parquet table; make it again: {cure}") from error


def _absent(file: pq.ParquetFile) -> list[str]:
    return sorted(set(SCHEMA.names) - _OPTIONAL - set(file.schema_arrow.names))


def _arrow(name: str, values: Sequence[Any]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, SCHEMA.field(name).type)])


def _label_rows(chunk: pa.FixedSizeListArray) -> NDArray[np.int8]:
    """Return a column's part [M, 14] where it lies; pyarrow's own way would load pandas."""
    width = len(OBSERVATIONS)
    values = np.frombuffer(chunk.values.buffers()[1], np.int8)[chunk.values.offset :]
    return values[chunk.offset * width : (chunk.offset + len(chunk)) * width].reshape(-1, width)


class Told(NamedTuple):
    """What a table says of one study."""

    study_id: str
    patient_id: str
    text: str
    labels: dict[str, int]


class Cases:
    """Read-only view of N studies: the rows of a cases.parquet, or columns in memory.

    Args:
        path: the file, or where the columns came from.
        held: columns in memory that stand before those of the file; with all of `SCHEMA` the file is not opened.

    Raises:
        DataError: the file is needed and missing, or is no cases table.
    """

    def __init__(self, path: Path, held: Mapping[str, pa.ChunkedArray] | None = None) -> None:
        self.path = path
        self._held = dict(held or {})
        self._asked = 0
        if set(SCHEMA.names) <= set(self._held):
            return
        self._file = _opened(path, "python train.py")
        absent = _absent(self._file)
        if absent:
            raise DataError(f"{path} has no column {absent[0]!r}; make it again: python train.py")

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]], path: Path) -> Cases:
        """Hold columns of `SCHEMA`, each N long; those that are absent say that nothing is known."""
        count = len(next(iter(columns.values())))
        whole = {name: [_UNKNOWN.get(name)] * count for name in SCHEMA.names} | dict(columns)
        return cls(path, {name: _arrow(name, values) for name, values in whole.items()})

    def relabelled(self, labels: NDArray[np.int8]) -> Cases:
        """Return the same studies with other labels [N, 14]."""
        return Cases(self.path, self._held | {"labels": _arrow("labels", labels.tolist())})

    def take(self, rows: NDArray[np.integer]) -> Cases:
        """Hold some studies in memory, by row numbers."""
        return Cases(self.path, {name: self._read(name).take(pa.array(rows)) for name in SCHEMA.names})

    def __len__(self) -> int:
        return len(next(iter(self._held.values()))) if self._held else int(self._file.metadata.num_rows)

    def _read(self, name: str) -> pa.ChunkedArray:
        if name in self._held:
            return self._held[name]
        if name in _OPTIONAL and name not in self._file.schema_arrow.names:
            return _arrow(name, [None] * len(self))
        with _READING:
            return self._file.read(columns=[name]).column(name)

    def column(self, name: str) -> list[Any]:
        """Return one column as Python values, N long; all None for an optional one that the table lacks."""
        values: list[Any] = self._read(name).to_pylist()
        return values

    @cached_property
    def study_ids(self) -> list[str]:
        """Study identifiers."""
        return self.column("study_id")

    @cached_property
    def patient_ids(self) -> list[str]:
        """Patient identifiers."""
        return self.column("patient_id")

    @cached_property
    def texts(self) -> list[str]:
        """The text that was embedded: one section of the report, or a prompt."""
        return self.column("text")

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """Observations [N, 14] in {1, 0, -1, MISSING}."""
        return np.concatenate([_NO_LABELS, *(_label_rows(chunk) for chunk in self._read("labels").chunks)])

    @cached_property
    def abnormal(self) -> NDArray[np.bool_]:
        """[N] whether anything but support devices is positive or uncertain."""
        return np.array([is_abnormal(decode_labels(row)) for row in self.labels], dtype=bool)

    @cached_property
    def truths(self) -> list[dict[str, Any] | None]:
        """What the generator knows of each study; None for real data."""
        return [json.loads(text) if text else None for text in self.column("truth")]

    @cached_property
    def is_reports(self) -> bool:
        """Whether the texts are reports, which can be retrieved, and not sentences written from labels."""
        return set(self.column("section")) != {"prompt"}

    def told(self, rows: Sequence[int]) -> list[Told]:
        """Return what is said of some studies."""
        self._asked += 1
        if self._held or self._asked > _OFTEN:
            ids, patients, texts = self.study_ids, self.patient_ids, self.texts
            return [Told(ids[row], patients[row], texts[row], self.labels_of(row)) for row in rows]
        groups = sorted({row // ROWS_PER_GROUP for row in rows})
        with _READING:
            columns = self._file.read_row_groups(groups, columns=["study_id", "patient_id", "text", "labels"]).columns
        places = [groups.index(row // ROWS_PER_GROUP) * ROWS_PER_GROUP + row % ROWS_PER_GROUP for row in rows]
        values = ([column[place].as_py() for column in columns] for place in places)
        return [Told(study, patient, text, decode_labels(labels)) for study, patient, text, labels in values]

    def labels_of(self, row: int) -> dict[str, int]:
        """Return one study's labels as a mapping."""
        return decode_labels(self.labels[row])

    def thumbnail(self, row: int) -> bytes:
        """Return one study's thumbnail: a grey JPEG, empty where there is none."""
        return next(self.thumbnails([row]))

    def thumbnails(self, rows: Iterable[int]) -> Iterator[bytes]:
        """Yield some studies' thumbnails; ascending rows are read from disk a few hundred at a time."""
        if "thumbnail" in self._held:
            yield from (self._held["thumbnail"][row].as_py() or b"" for row in rows)
            return
        for group, members in groupby(rows, lambda row: row // ROWS_PER_GROUP):
            with _READING:
                column = self._file.read_row_group(group, columns=["thumbnail"]).column("thumbnail")
            yield from (column[row % ROWS_PER_GROUP].as_py() or b"" for row in members)
