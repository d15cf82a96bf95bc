"""Prepared data: what `python -m medxpert.prepare` wrote, here or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medxpert.cases import is_row_id
from medxpert.data.shards.root import Root
from medxpert.data.shards.split import ShardSplit
from medxpert.data.store import default_cache
from medxpert.data.stored import Representation, Stored
from medxpert.errors import ConfigError
from medxpert.images.files import ImageBytes
from medxpert.words import SPLITS, Study


@dataclass(frozen=True)
class ShardImage:
    """An image in a shard; pickled, it becomes its bytes."""

    split: ShardSplit
    row: int

    @property
    def view(self) -> str:
        """Projection: "PA", "AP", "LATERAL" or "" when unknown."""
        view: str = self.split.places["view"][self.row].decode()
        return view

    def fingerprint(self) -> str:
        """Tell the shards and the place in them."""
        return f"{self.split.fingerprint}:{self.row}"

    def read(self) -> bytes:
        """Return the encoded picture."""
        return self.split.pixels.fetch([self.row])[0]

    def __reduce__(self) -> tuple[type[ImageBytes], tuple[bytes, str]]:
        return ImageBytes, (self.read(), self.view)


class Shards:
    """A reader that opens its splits as they are: nothing is decoded beforehand.

    Args:
        root: a prepared folder, or the URI of one: s3://bucket/shards, gs://..., hf://datasets/owner/name.

    Raises:
        ConfigError: there is no such folder.
        DataError: it holds no finished preparation.
        RemoteError: the bucket does not answer.
    """

    def __init__(self, root: str) -> None:
        self._root = Root(root)
        self._splits: tuple[str, ...] = tuple(self._root.manifest["splits"])

    @property
    def more_splits(self) -> tuple[str, ...]:
        """Splits beyond the three of every reader."""
        return tuple(split for split in self._splits if split not in SPLITS)

    @property
    def leaks(self) -> dict[str, int | None]:
        """Patients and images that stood in two splits when the data were prepared."""
        leaks: dict[str, int | None] = self._root.manifest["leaks"]
        return leaks

    def open_splits(self, shown: Representation, cache: Path) -> dict[str, Stored]:
        """Open every split.

        Raises:
            DataError: a shard is missing or truncated, or a table is not what was written.
        """
        absent = [split for split in SPLITS if split not in self._splits]
        if absent:
            raise ConfigError(
                f"data.root={self._root.name} has no split {', '.join(absent)}, only {', '.join(self._splits)}; "
                "prepare data that have all three"
            )
        splits = {split: ShardSplit(self._root, split, shown, cache) for split in (*SPLITS, *self.more_splits)}
        for split in splits.values():
            _ = split.places, split.cases_path  # damage is told now, not in the middle of an epoch
        return dict(splits)

    def __call__(self, split: str) -> Iterator[Study]:
        """Yield the studies of a split, so that prepared data can be mixed or prepared again."""
        if split not in self._splits and split in SPLITS:
            return iter(())
        if split not in self._splits:
            raise ConfigError(f"split is {split!r}; expected one of {', '.join(self._splits)}")
        return _studies(ShardSplit(self._root, split, Representation(0), default_cache()))


def _studies(split: ShardSplit) -> Iterator[Study]:
    cases, reports = split.cases, split.reports
    columns = (cases.column(name) for name in ("source", "policy", "section"))
    known = zip(cases.study_ids, cases.patient_ids, cases.truths, *columns, split.every_image, strict=True)
    for row, (study_id, patient_id, truth, source, policy, section, rows) in enumerate(known):
        yield Study(
            study_id,
            "" if is_row_id(patient_id) else patient_id,
            tuple(ShardImage(split, int(place)) for place in rows),
            reports.findings[row],
            reports.impressions[row],
            cases.labels_of(row),
            split.split,
            source,
            policy,
            "prompt" if section == "prompt" else "report",
            float(reports.weights[row]),
            truth,
        )
