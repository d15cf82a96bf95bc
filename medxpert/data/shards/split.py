"""One split of prepared data, as training and embedding open it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxpert.cases import ROWS_PER_GROUP, Cases
from medxpert.data.sections import Reports, read_reports, section
from medxpert.data.shards.layout import CASES, IMAGES, REPORTS
from medxpert.data.shards.pixels import LocalBytes, RemoteBytes, ShardPixels
from medxpert.data.shards.root import Root
from medxpert.data.stored import Representation
from medxpert.folders import atomic_file
from medxpert.privacy import strictest
from medxpert.words import Policy, Rejected


@dataclass(frozen=True)
class ShardSplit:
    """The N studies of one prepared split; see `Stored`.

    Attributes:
        root: where they lie.
        split: its name.
        shown: what of a study is shown.
        cache: folder for tables fetched from a bucket and for tables of other sections than the longest.
    """

    root: Root
    split: str
    shown: Representation
    cache: Path
    rejected: list[Rejected] = field(default_factory=list)
    """Nothing: what could not be used was left out when the data were prepared, and is listed there."""

    @cached_property
    def fingerprint(self) -> str:
        """Tells the content of the shards and what of it is shown."""
        told = f"{self.root.fingerprint} {self.split} {tuple(self.shown)}"
        return hashlib.sha256(told.encode()).hexdigest()[:24]

    @cached_property
    def places(self) -> NDArray[np.void]:
        """`layout.PLACES` of all images."""
        self.root.check_shards(self.split)
        places: NDArray[np.void] = np.load(self._table(IMAGES))
        return places

    def _table(self, name: str) -> Path:
        return self.root.table(f"{self.split}/{name}", self.cache)

    @cached_property
    def cases_path(self) -> Path:
        """File of the cases table: the prepared one, or one with other sections or numbers of images."""
        prepared = self._table(CASES)
        if (self.shown.text, self.shown.views) == ("longest", "frontal_first"):
            return prepared
        path = self.cache / f"shards-{self.fingerprint}" / CASES
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as sibling:
                pq.write_table(self._represented(pq.read_table(prepared)), sibling, row_group_size=ROWS_PER_GROUP)
        return path

    def _represented(self, table: pa.Table) -> pa.Table:
        pairs = zip(self.reports.findings, self.reports.impressions, strict=True)
        sections = [section(*pair, self.shown.text) for pair in pairs]
        prompts = [name == "prompt" for name in table.column("section").to_pylist()]
        columns = {
            "text": [one.text for one in sections],
            "section": ["prompt" if prompt else one.name for one, prompt in zip(sections, prompts, strict=True)],
            "images": [len(rows) for rows in self.image_rows],
        }
        for name, values in columns.items():
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))
        return table

    @cached_property
    def cases(self) -> Cases:
        """The cases table, N rows."""
        return Cases(self.cases_path)

    @cached_property
    def reports(self) -> Reports:
        """What training may draw of the N texts."""
        return read_reports(self._table(REPORTS))

    @cached_property
    def pixels(self) -> ShardPixels:
        """Pixels of all images, decoded when they are asked for."""
        kind = RemoteBytes if self.root.local is None else LocalBytes
        name = f"{self.root.name}/{self.split}"
        places = self.places
        return ShardPixels(places, kind(self.root, self.split, places), self.shown.side, self.shown.fit, name)

    @cached_property
    def every_image(self) -> Sequence[NDArray[np.int64]]:
        """For each of the N studies, the rows of its images, the one preferred first."""
        starts = np.flatnonzero(np.diff(self.places["study"], prepend=-1))
        return np.split(np.arange(len(self.places)), starts[1:])

    @cached_property
    def image_rows(self) -> Sequence[NDArray[np.int64]]:
        """For each of the N studies, the rows that stand for it."""
        return [rows[:1] for rows in self.every_image] if self.shown.views == "frontal_first" else self.every_image

    @cached_property
    def blocks(self) -> NDArray[np.int64] | None:
        """[N] the row group of each study in a bucket; None on this machine, where any row costs the same."""
        if self.root.local is not None:
            return None
        first = self.places[[rows[0] for rows in self.every_image]]
        new = (np.diff(first["shard"], prepend=-1) != 0) | (np.diff(first["group"], prepend=-1) != 0)
        return np.cumsum(new) - 1

    @cached_property
    def policy(self) -> Policy:
        """The strictest policy of its studies."""
        return strictest(self.root.manifest["splits"][self.split]["policies"])

    def __len__(self) -> int:
        return int(self.root.manifest["splits"][self.split]["studies"])
