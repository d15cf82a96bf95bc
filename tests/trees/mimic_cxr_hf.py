"""A table of image, findings and impression in parquet shards, as the hub's datasets library writes it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from trees.phantoms import phantoms, pixels
from trees.tally import Tally
from trees.tree import Tree

from medxpert.data.splits import assign
from medxpert.text import normalise

NUM_ROWS = 70
ROWS_PER_GROUP = 7
_SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("findings", pa.string()),
        ("impression", pa.string()),
    ]
)


@dataclass(frozen=True)
class Row:
    """One row; None is a null."""

    picture: bytes | None
    findings: str | None
    impression: str | None
    state: str = "whole"


REASONS = {"broken": "image broken", "empty": "image empty"}


@cache
def rows(count: int = NUM_ROWS) -> tuple[Row, ...]:
    """Return all rows: among them equal texts, nulls and pictures that are not whole."""
    drawn = phantoms(count)
    plain = [Row(_png(number), study.findings, study.impression) for number, study in enumerate(drawn)]
    if count < NUM_ROWS:
        return tuple(plain)
    whole = plain[3].picture or b""
    plain[1] = replace(plain[1], findings=None)
    plain[2] = replace(plain[2], findings="nan", impression=None)
    plain[3] = replace(plain[3], picture=whole[: len(whole) // 2], state="broken")
    plain[4] = replace(plain[4], picture=None, state="empty")
    plain[-1] = replace(plain[-1], findings=f" {(plain[0].findings or '').upper()}", impression=plain[0].impression)
    plain[-2] = replace(plain[-2], findings=plain[0].findings, impression=plain[0].impression)
    return tuple(plain)


def build(root: Path, splits: str = "grouped", shards: int = 2) -> Tree:
    """Build the table in an empty folder; its splits by text, or as published."""
    tally = Tally(REASONS)
    known = rows()
    for number, row in enumerate(known):
        texts = ["" if text in (None, "nan") else text for text in (row.findings, row.impression)]
        if not any(texts):
            tally.reject("empty report")
            continue
        split = _by_text(*texts) if splits == "grouped" else _by_place(number, len(known))
        tally.study(split, f"{number:06d}", "", [row.state])
    write(root / "data", known, shards)
    return tally.tree({"data.dataset": root, "data.split": splits})


def write(folder: Path, known: Sequence[Row], shards: int) -> None:
    """Write rows as train-00000-of-00002.parquet and so on, a few in each row group."""
    folder.mkdir(parents=True)
    size = -(-len(known) // shards)
    for number in range(shards):
        own = known[number * size : (number + 1) * size]
        cells = [{"image": _cell(row), "findings": row.findings, "impression": row.impression} for row in own]
        path = folder / f"train-{number:05d}-of-{shards:05d}.parquet"
        pq.write_table(pa.Table.from_pylist(cells, _SCHEMA), path, row_group_size=ROWS_PER_GROUP)


def _cell(row: Row) -> dict[str, object]:
    return {"bytes": row.picture, "path": None}


def _png(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(phantoms(NUM_ROWS)[number])).save(buffer, "PNG")
    return buffer.getvalue()


def _by_text(findings: str, impression: str) -> str:
    return assign(f"{normalise(findings)}\n{normalise(impression)}", 0)


def _by_place(number: int, count: int) -> str:
    tenth = count // 10
    return "train" if number < count - 2 * tenth else "val" if number < count - tenth else "test"
