"""What embedding and adding did, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from medxpert.galleries.adding import Addition
from medxpert.galleries.news import OTHER, REASONS
from medxpert.tables.blocks import Block, Row, Shown, Tables

_REFIT = (
    "Probabilities and abstention stay as fitted on the run's own studies, and so do its metrics. To fit them on all: "
    "train on both, python train.py data=mix"
)


def embedded(counts: Mapping[str, tuple[int, int]], index: Mapping[str, Any]) -> Tables:
    """Show how many studies, in how many shards, each split has, and what the index holds."""
    rows = [Row(name, (_count(studies), _count(shards)), "main") for name, (studies, shards) in counts.items()]
    added = index["count"] - counts[index["split"]][0]
    beside = f", {added:,} of them added later" if added else ""
    notes = (f"{index['index'].rpartition('.')[2]}: {index['count']:,} studies{beside}.",)
    return Tables("embedded again", notes, (Block("Embeddings", "by split", ("studies", "shards"), tuple(rows)),))


def added(addition: Addition, index: Mapping[str, Any] | None) -> Tables:
    """Show how many studies were added and why others were not; without an index, nothing was."""
    why = Counter(item.reason for item in addition.news.left_out)
    told = {reason: why[reason] for reason in REASONS if why[reason]}
    unusable = len(addition.store.rejected)
    rows = [
        Row("added", (_count(len(addition.news.rows)),), "main"),
        *(Row(reason, (_count(count),)) for reason, count in told.items()),
        *([Row("unusable", (_count(unusable),))] if unusable else []),
    ]
    notes = [f"Index: {index['count']:,} studies.", _REFIT] if index else ["Nothing is new: the index stays."]
    if why[OTHER]:
        notes.append("Other studies have the same ids: prefix=NAME adds these under names of their own.")
    return Tables("studies for the gallery", tuple(notes), (Block("Studies", "offered", ("studies",), tuple(rows)),))


def _count(number: int) -> Shown:
    return Shown(f"{number:,}")
