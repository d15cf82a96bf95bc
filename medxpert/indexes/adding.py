"""Studies added to an index that is there: the vectors go in behind the others, nothing is built again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medxpert.folders import atomic_folder, seal, verified
from medxpert.indexes.elsewhere import admit, index_class
from medxpert.indexes.writing import MATCHES, Sides, name_of, side_rows
from medxpert.privacy import strictest
from medxpert.words import Index

_AT_A_TIME = 65_536
"""Rows that are made float32 at once."""
log = logging.getLogger(__name__)


def open_index(manifest: Mapping[str, Any], path: Path) -> Index:
    """Open one index file with the class that its folder's manifest names."""
    index: Index = index_class(manifest)()
    index.load(path)
    return index


def add_to_index(folder: Path, sides: Sides, fields: Mapping[str, Any], cure: str) -> None:
    """Put M more studies into the indexes of a run; the folder is replaced as a whole.

    Args:
        folder: of the indexes.
        sides: what to add.
        fields: that change in the manifest.
        cure: the command that makes the index again, for errors.

    Raises:
        DataError: the index is damaged, or the vectors do not fit it.
        RemoteError: the policy forbids to send them to an index on another machine.
    """
    manifest = verified(folder, cure)
    tuned = {}
    with atomic_folder(folder) as sibling:
        for match in MATCHES:
            index = open_index(manifest, folder / f"{match}.index")
            admit(index, strictest([manifest["policy"], fields.get("policy", manifest["policy"])]))
            for start in range(0, len(sides.image), _AT_A_TIME):
                index.add(np.asarray(side_rows(_Some(sides, start), match), np.float32))
            index.save(sibling / f"{match}.index")
            tuned[match] = dict(index.tuned)
            if grown := index.tuned.get("grown"):
                log.warning("%s: %s; build it again: %s", name_of(index, match), grown, cure)
        kept = {name: told for name, told in manifest.items() if name != "files"}
        count = manifest["count"] + len(sides.image)
        seal(sibling, {**kept, "count": count, "tuned": tuned, **fields})


class _Some:
    """Some rows of both sides."""

    def __init__(self, sides: Sides, start: int) -> None:
        self.image = sides.image[start : start + _AT_A_TIME]
        self.text = sides.text[start : start + _AT_A_TIME]
