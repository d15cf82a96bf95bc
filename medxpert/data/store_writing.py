"""Decodes the images of a split into a new store."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.cases import write_cases
from medxpert.data.decoding import Decoded, decode_slots
from medxpert.data.leaks import HeldOut
from medxpert.data.rows import case_row
from medxpert.data.sections import Reports, write_reports
from medxpert.data.stored import Representation
from medxpert.errors import DataError
from medxpert.folders import atomic_folder, seal
from medxpert.privacy import strictest
from medxpert.words import Image, Rejected, Study

log = logging.getLogger(__name__)


class _Slot(NamedTuple):
    """A row of pixels, and what may fill it: the first of some images of a study that can be used."""

    study: int
    images: tuple[Image, ...]


class _Found(NamedTuple):
    """A study with the rows of its usable images."""

    study: Study
    rows: list[int]
    images: list[Decoded]

    @property
    def hashes(self) -> list[str]:
        return [image.sha256 for image in self.images]


@dataclass(frozen=True)
class StoreWriter:
    """Decodes every image once; a study stays as long as one of its images can be used.

    Args:
        folder: of the store; an equal one that another process wrote first stays.
        split: what is stored.
        shown: how a study is shown.
        held_out: images that no study may have.
    """

    folder: Path
    split: str
    shown: Representation
    held_out: HeldOut

    def __call__(self, studies: Sequence[Study], rejected: Sequence[Rejected]) -> None:
        """Write the store of some studies, and list there what could not be used.

        Raises:
            DataError: no study can be used.
            ConfigError: the folder cannot be written.
        """
        slots = self._slots(studies)
        side = self.shown.side
        log.info("decoding %d images of %s at %d px into %s", len(slots), self.split, side, self.folder)
        with atomic_folder(self.folder, first_wins=True) as sibling:
            pixels = np.lib.format.open_memmap(sibling / "pixels.npy", "w+", np.uint8, (len(slots), side, side))
            _claim(sibling / "pixels.npy")
            images = [slot.images for slot in slots]
            tried = list(_fill(pixels, decode_slots(images, side, self.shown.fit), self.split))
            np.save(sibling / "hashes.npy", _digests(tried))
            found = list(_found(studies, slots, tried))
            leaks = [self.held_out.fault(one.study, one.hashes) for one in found]
            kept = [one for one, leak in zip(found, leaks, strict=True) if leak is None]
            unusable = [*rejected, *_broken(studies, slots, tried), *(leak for leak in leaks if leak)]
            if not kept:
                raise DataError(_nothing_left(self.split, unusable))
            self._write(sibling, kept)
            seal(sibling, self._manifest(kept, unusable) | {"dropped_images": _dropped(found, leaks)})

    def _slots(self, studies: Sequence[Study]) -> list[_Slot]:
        """Give each study one row for the first image that can be used, or each image its own."""
        if self.shown.one_image:
            return [_Slot(number, study.images) for number, study in enumerate(studies)]
        return [_Slot(number, (image,)) for number, study in enumerate(studies) for image in study.images]

    def _write(self, sibling: Path, kept: Sequence[_Found]) -> None:
        owners = [(place, row) for place, one in enumerate(kept) for row in one.rows]
        np.save(sibling / "image_rows.npy", np.array(owners, np.int64))
        write_reports(sibling / "reports.parquet", Reports.of([one.study for one in kept]))
        write_cases(sibling / "cases.parquet", (self._case(one, row) for row, one in enumerate(kept)))

    def _case(self, one: _Found, row: int) -> dict[str, Any]:
        count = len(one.rows) if self.shown.views == "mean" else 1
        return case_row(one.study, one.images[0], self.shown.text, self.split, row, count)

    def _manifest(self, kept: Sequence[_Found], unusable: Sequence[Rejected]) -> dict[str, Any]:
        return {
            "split": self.split,
            "side": self.shown.side,
            "policy": strictest(one.study.policy for one in kept),
            "rejected": [(item.where, item.reason, item.detail) for item in unusable],
        }


def _claim(path: Path) -> None:
    """Take the disk space of a sparse file now: a full disk would kill the process while the memory map is written."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _fill(pixels: NDArray[np.uint8], slots: Iterator[list[Decoded]], split: str) -> Iterator[list[Decoded]]:
    """Store the pixels of each slot, and yield what was tried for it without them."""
    console = Console(stderr=True)
    steps = track(slots, f"decoding {split}", total=len(pixels), console=console, transient=True)
    for row, tried in enumerate(steps):
        if tried[-1].pixels is not None:
            pixels[row] = tried[-1].pixels
        yield [replace(one, pixels=None) for one in tried]


def _digests(tried: Sequence[list[Decoded]]) -> NDArray[np.uint8]:
    """Return SHA-256 digests [M, 32], zeros for slots that nothing fills."""
    digests = [bytes.fromhex(one[-1].sha256 or "00" * 32) for one in tried]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)


def _found(studies: Sequence[Study], slots: Sequence[_Slot], tried: Sequence[list[Decoded]]) -> Iterator[_Found]:
    """Pair each study with its usable images; leave out studies that have none."""
    rows_of: defaultdict[int, list[int]] = defaultdict(list)
    for row, (slot, own) in enumerate(zip(slots, tried, strict=True)):
        if not own[-1].reason:
            rows_of[slot.study].append(row)
    for number, rows in rows_of.items():
        images = tuple(slots[row].images[len(tried[row]) - 1] for row in rows)
        yield _Found(replace(studies[number], images=images), rows, [tried[row][-1] for row in rows])


def _broken(studies: Sequence[Study], slots: Sequence[_Slot], tried: Sequence[list[Decoded]]) -> list[Rejected]:
    return [
        Rejected(studies[slot.study].study_id, one.reason, one.detail)
        for slot, own in zip(slots, tried, strict=True)
        for one in own
        if one.reason
    ]


def _dropped(found: Sequence[_Found], leaks: Sequence[Rejected | None]) -> list[tuple[str, str]]:
    return [
        (one.study.study_id, name)
        for one, leak in zip(found, leaks, strict=True)
        if leak is not None
        for name in one.hashes
    ]


def _nothing_left(split: str, unusable: Sequence[Rejected]) -> str:
    why = (
        f"; the first of {len(unusable)} reasons: {unusable[0]}" if unusable else "; the reader yielded nothing for it"
    )
    return f"split {split} has no usable study{why}"
