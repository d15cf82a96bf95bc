"""Some rows of a cases table, copied to a table of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxpert.cases import ROWS_PER_GROUP, SCHEMA

_AT_A_TIME = 4096


def copy_cases(source: Path, target: Path, rows: NDArray[np.integer], changed: Mapping[str, Sequence[Any]]) -> None:
    """Copy some rows of a cases table, some thousand at a time.

    Args:
        source: the table.
        target: the new file.
        rows: which, ascending [M].
        changed: columns that get other values, each M long.
    """
    with pq.ParquetWriter(target, SCHEMA, compression="zstd") as writer:
        waiting = SCHEMA.empty_table()
        for part in _parts(source, rows, changed):
            waiting = pa.concat_tables([waiting, part])
            whole = len(waiting) // ROWS_PER_GROUP * ROWS_PER_GROUP  # a thumbnail is found by the number of its group
            if whole:
                writer.write_table(waiting.slice(0, whole), row_group_size=ROWS_PER_GROUP)
            waiting = waiting.slice(whole)
        if len(waiting):
            writer.write_table(waiting)


def _parts(source: Path, rows: NDArray[np.integer], changed: Mapping[str, Sequence[Any]]) -> Iterator[pa.Table]:
    start = done = 0
    for batch in pq.ParquetFile(source, memory_map=True).iter_batches(_AT_A_TIME):
        own = rows[(rows >= start) & (rows < start + len(batch))] - start
        start += len(batch)
        if len(own):
            yield _columns(batch, own, {name: values[done : done + len(own)] for name, values in changed.items()})
            done += len(own)


def _columns(batch: pa.RecordBatch, own: NDArray[np.integer], changed: Mapping[str, Sequence[Any]]) -> pa.Table:
    taken = batch.take(pa.array(own))
    columns = []
    for field in SCHEMA:
        if field.name in changed:
            columns.append(pa.array(changed[field.name], field.type))
        elif field.name in taken.schema.names:
            columns.append(taken.column(field.name).cast(field.type))
        else:
            columns.append(pa.nulls(len(own), field.type))
    return pa.Table.from_arrays(columns, schema=SCHEMA)
