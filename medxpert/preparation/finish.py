"""The last step of a preparation: whole tables of each split, lists, the data report, and the manifest at the end."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medxpert.cases import ROWS_PER_GROUP
from medxpert.data.shards.layout import CASES, IMAGES, REPORTS, TABLES, VERSION, shard_name
from medxpert.folders import MANIFEST, atomic_file, sha256, write_json
from medxpert.preparation.journal import Part
from medxpert.words import Policy, Rejected

REJECTED = "rejected.csv"


def write_tables(output: Path, split: str, parts: Sequence[Part]) -> None:
    """Join the tables of a split's parts.

    Raises:
        ConfigError: a file cannot be written.
    """
    for name in (CASES, REPORTS):
        with atomic_file(output / split / name) as sibling:
            _join([part.folder / name for part in parts], sibling)
    with atomic_file(output / split / IMAGES) as sibling:
        np.save(sibling, np.concatenate([np.load(part.folder / IMAGES) for part in parts]))


def _join(paths: Sequence[Path], target: Path) -> None:
    """Join parquet tables; their row groups become of one length, by which `Cases` finds a thumbnail."""
    schema = pq.read_schema(paths[0])
    rest = schema.empty_table()
    with pq.ParquetWriter(target, schema, compression="zstd") as file:
        for batch in (batch for path in paths for batch in pq.ParquetFile(path).iter_batches(ROWS_PER_GROUP)):
            rest = pa.concat_tables([rest, pa.Table.from_batches([batch])])
            if len(rest) >= ROWS_PER_GROUP:
                file.write_table(rest.slice(0, ROWS_PER_GROUP).combine_chunks())
                rest = rest.slice(ROWS_PER_GROUP)
        if len(rest):
            file.write_table(rest.combine_chunks())


def write_rejected(output: Path, rejected: Iterable[tuple[str, Rejected]], policy: Policy) -> None:
    """List what was left out and why, with the split it was meant for.

    Raises:
        ConfigError: the file cannot be written.
    """
    with atomic_file(output / REJECTED) as sibling, sibling.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("split", "where", "reason", "detail", "policy"))
        rows.writerows((split, seen(item.where), item.reason, seen(item.detail), policy) for split, item in rejected)


def seen(text: str) -> str:
    """Write what cannot be seen as Python does: a name must not steer the terminal that shows it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def write_manifest(output: Path, parts: Mapping[str, Sequence[Part]], fields: Mapping[str, Any]) -> None:
    """Write the manifest: from now on the preparation is whole.

    Args:
        output: its folder.
        parts: of every split that has studies.
        fields: what else it says.
    """
    files = dict(sorted(_files(output, parts)))
    write_json(
        output / MANIFEST,
        {
            "shards": VERSION,
            **fields,
            "splits": {split: _counts(own) for split, own in parts.items()},
            "files": files,
        },
    )


def _counts(parts: Sequence[Part]) -> dict[str, Any]:
    return {
        "studies": sum(part.known["studies"] for part in parts),
        "images": sum(part.known["images"] for part in parts),
        "policies": sorted({policy for part in parts for policy in part.known["policies"]}),
    }


def _files(output: Path, parts: Mapping[str, Sequence[Part]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for split, own in parts.items():
        for number, part in enumerate(own):
            if part.known["studies"]:
                entry = {"bytes": part.known["bytes"], "sha256": part.known["sha256"]}
                yield f"{split}/{shard_name(number)}", entry
        for name in TABLES:
            path = output / split / name
            yield f"{split}/{name}", {"bytes": path.stat().st_size, "sha256": sha256(path)}
