"""Decoded studies on disk: pixels as one memory-mapped array, everything else as tables.

A store is named by a fingerprint of what goes into it, so a second run on the same data opens it at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.checksums import default_cache as default_cache
from medxpert.data.leaks import HeldOut
from medxpert.data.sections import Reports, read_reports
from medxpert.data.store_writing import StoreWriter
from medxpert.data.stored import Representation, Views, frontal_first
from medxpert.folders import MANIFEST, verified
from medxpert.words import Policy, Rejected, Study

_LAYOUT = 3


@dataclass(frozen=True)
class Store:
    """The N usable studies of one split, opened from their folder; see `Stored`."""

    folder: Path
    views: Views = "frontal_first"
    blocks: None = None

    @property
    def fingerprint(self) -> str:
        """The folder's name tells its content."""
        return self.folder.name

    @property
    def cases_path(self) -> Path:
        """File of the cases table."""
        return self.folder / "cases.parquet"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was stored: policy, split, side, views, rejected rows."""
        return verified(self.folder, cure=f"rm -r {self.folder}")

    @cached_property
    def cases(self) -> Cases:
        """The cases table, N rows."""
        return Cases(self.cases_path)

    @cached_property
    def reports(self) -> Reports:
        """What training may draw of the N texts."""
        return read_reports(self.folder / "reports.parquet")

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """Grey pixels [M, S, S] of all images, memory-mapped."""
        pixels: NDArray[np.uint8] = np.load(self.folder / "pixels.npy", mmap_mode="r")
        return pixels

    @cached_property
    def hashes(self) -> list[str]:
        """SHA-256 of the decoded pixels of each of the M images."""
        return [row.tobytes().hex() for row in np.load(self.folder / "hashes.npy")]

    @cached_property
    def every_image(self) -> list[NDArray[np.int64]]:
        """For each of the N studies, the rows of its images in `pixels`, the one preferred first."""
        owners, rows = np.load(self.folder / "image_rows.npy").T
        return np.split(rows, np.flatnonzero(np.diff(owners)) + 1)

    @cached_property
    def image_rows(self) -> list[NDArray[np.int64]]:
        """For each of the N studies, the rows that stand for it."""
        return [rows[:1] for rows in self.every_image] if self.views == "frontal_first" else self.every_image

    @property
    def policy(self) -> Policy:
        """The strictest policy of its studies."""
        policy: Policy = self.manifest["policy"]
        return policy

    @property
    def rejected(self) -> list[Rejected]:
        """What could not be used."""
        return [Rejected(*row) for row in self.manifest["rejected"]]

    def hashed(self) -> Iterator[tuple[str, str]]:
        """Yield hash and study id of each image, those of dropped studies included."""
        for study_id, rows in zip(self.cases.study_ids, self.every_image, strict=True):
            yield from ((self.hashes[row], study_id) for row in rows)
        yield from ((name, study_id) for study_id, name in self.manifest["dropped_images"])

    def __len__(self) -> int:
        return len(self.cases)


def open_store(
    studies: Sequence[Study],
    rejected: Sequence[Rejected],
    split: str,
    shown: Representation,
    cache: Path,
    held_out: HeldOut | None = None,
) -> Store:
    """Open the store of one split, building it first when it is new.

    Args:
        studies: what a reader yields for it.
        rejected: what the reader could not use.
        split: its name.
        shown: what of a study is stored.
        cache: folder of the stores.
        held_out: images of other splits that no study may have.

    Raises:
        DataError: the split has no usable study, or an image is held out and the user wants to fail.
        ConfigError: the cache folder cannot be written.
    """
    faults = {study.study_id: fault for study in studies if (fault := _fault(study))}
    usable = [_ordered(study) for study in studies if study.study_id not in faults]
    unusable = [*rejected, *faults.values()]
    folder = cache / _fingerprint(usable, unusable, [_LAYOUT, split, *shown], held_out)
    if not (folder / MANIFEST).is_file():
        StoreWriter(folder, split, shown, held_out or HeldOut("keep"))(usable, unusable)
    return Store(folder, shown.views)


def _fault(study: Study) -> Rejected | None:
    if not study.findings.strip() and not study.impression.strip():
        return Rejected(study.study_id, "empty report")
    return None if study.images else Rejected(study.study_id, "no image")


def _ordered(study: Study) -> Study:
    return replace(study, images=tuple(frontal_first(study.images)))


def _fingerprint(
    studies: Sequence[Study], rejected: Sequence[Rejected], settings: Sequence[Any], held_out: HeldOut | None
) -> str:
    digest = hashlib.sha256(json.dumps([settings, held_out.settings if held_out else None]).encode())
    for study in studies:
        images = [(image.fingerprint(), image.view) for image in study.images]
        fields = [study.study_id, study.patient_id, study.findings, study.impression, study.source, study.policy]
        kind = [study.truth, study.text_kind, study.weight]
        digest.update(json.dumps([fields, dict(study.labels), kind, images]).encode())
    digest.update(json.dumps([[item.where, item.reason, item.detail] for item in rejected]).encode())
    return digest.hexdigest()[:24]
