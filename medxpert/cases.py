"""The cases table: one row per study, columns read when somebody asks for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.ontology import MISSING, OBSERVATIONS, is_abnormal

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("study_id", "patient_id", "text", "section", "view", "split")),
        *((name, pa.string()) for name in ("source", "policy", "path", "truth")),
        ("images", pa.int32()),
        ("labels", pa.list_(pa.int8(), len(OBSERVATIONS))),
        ("thumbnail", pa.binary()),
    ]
)
"""`images` counts those behind the embedding, `truth` is JSON or null, `labels` holds `ontology.MISSING` where
nothing was said, `thumbnail` is a grey JPEG."""

_ROWS_PER_GROUP = 256
"""Small row groups: one thumbnail is read without touching the others."""


def encode_labels(labels: Mapping[str, int]) -> list[int]:
    """Order a mapping as `ontology.OBSERVATIONS`, with MISSING for what is absent."""
    return [labels.get(name, MISSING) for name in OBSERVATIONS]


def decode_labels(values: Sequence[int] | NDArray[np.int8]) -> dict[str, int]:
    """Invert `encode_labels`."""
    return {name: int(v) for name, v in zip(OBSERVATIONS, values, strict=True) if v != MISSING}


def write_cases(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows that have every column of `SCHEMA`."""
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)
    pq.write_table(table, path, row_group_size=_ROWS_PER_GROUP, compression="zstd")


class Cases:
    """Read-only view of a cases.parquet with N rows.

    Raises:
        DataError: the file is missing or is no cases table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{path} is missing or no parquet table; make it again: python train.py") from error
        missing = sorted(set(SCHEMA.names) - set(self._file.schema_arrow.names))
        if missing:
            raise DataError(f"{path} has no column {missing[0]!r}; make it again: python train.py")

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def column(self, name: str) -> list[Any]:
        """Return one column as Python values, N long."""
        values: list[Any] = self._file.read(columns=[name]).column(name).to_pylist()
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
        column = self._file.read(columns=["labels"]).column("labels").combine_chunks()
        return column.flatten().to_numpy().reshape(-1, len(OBSERVATIONS))

    @cached_property
    def abnormal(self) -> NDArray[np.bool_]:
        """[N] whether anything but support devices is positive or uncertain."""
        return np.array([is_abnormal(decode_labels(row)) for row in self.labels], dtype=bool)

    @cached_property
    def truths(self) -> list[dict[str, Any] | None]:
        """What the generator knows of each study; None for real data."""
        return [json.loads(text) if text else None for text in self.column("truth")]

    def labels_of(self, row: int) -> dict[str, int]:
        """Return one study's labels as a mapping."""
        return decode_labels(self.labels[row])

    def thumbnail(self, row: int) -> bytes:
        """Return one study's thumbnail: a grey JPEG."""
        group, place = divmod(row, _ROWS_PER_GROUP)
        column = self._file.read_row_group(group, columns=["thumbnail"]).column("thumbnail")
        value: bytes = column[place].as_py()
        return value
