"""Decoded studies on disk: pixels as one memory-mapped array, everything else as a cases table.

A store is named by a fingerprint of what goes into it, so a second run on the same data opens it at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.cases import Cases, encode_labels, write_cases
from medxpert.data.decoding import Decoded, decode_all
from medxpert.errors import DataError
from medxpert.folders import MANIFEST, atomic_folder, seal, verified
from medxpert.privacy import strictest
from medxpert.text import longest_section
from medxpert.words import Image, Policy, Reader, Rejected, Study

Views = Literal["frontal_first", "mean"]
Section = Literal["longest", "findings", "impression"]
_LAYOUT = 2
_PREFERENCE = {"PA": 0, "AP": 0, "": 1}
"""Order of the views; all others come last."""
log = logging.getLogger(__name__)


def default_cache() -> Path:
    """Return the folder of the stores: MEDXPERT_CACHE, else the user's cache folder."""
    return Path(os.environ.get("MEDXPERT_CACHE") or Path.home() / ".cache" / "medxpert")


@dataclass(frozen=True)
class Store:
    """The N usable studies of one split, opened from their folder."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was stored: policy, split, side, views, rejected rows."""
        return verified(self.folder, cure=f"rm -r {self.folder}")

    @cached_property
    def cases(self) -> Cases:
        """The cases table, N rows."""
        return Cases(self.folder / "cases.parquet")

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """Grey pixels [M, S, S] of all images, memory-mapped."""
        pixels: NDArray[np.uint8] = np.load(self.folder / "pixels.npy", mmap_mode="r")
        return pixels

    @cached_property
    def image_rows(self) -> list[NDArray[np.int64]]:
        """For each of the N studies, the rows of its images in `pixels`."""
        rows = np.load(self.folder / "image_rows.npy")
        return np.split(rows[:, 1], np.flatnonzero(np.diff(rows[:, 0])) + 1) if len(rows) else []

    @property
    def policy(self) -> Policy:
        """The strictest policy of its studies."""
        policy: Policy = self.manifest["policy"]
        return policy

    @property
    def rejected(self) -> list[Rejected]:
        """What could not be used."""
        return [Rejected(*row) for row in self.manifest["rejected"]]

    def __len__(self) -> int:
        return len(self.cases)


def open_store(reader: Reader, split: str, side: int, text: Section, views: Views, cache: Path) -> Store:
    """Open the store of one split, building it first when it is new.

    Raises:
        DataError: the split has no usable study.
        ConfigError: the cache folder cannot be written.
    """
    items = [_usable(item, text, views) for item in reader(split)]
    studies = [item for item in items if isinstance(item, Study)]
    rejected = [item for item in items if isinstance(item, Rejected)]
    folder = cache / _fingerprint(studies, rejected, f"{_LAYOUT} {split} {side} {text} {views}")
    if not (folder / MANIFEST).is_file():
        _build(folder, studies, rejected, split, side, text)
    return Store(folder)


def _usable(item: Study | Rejected, text: Section, views: Views) -> Study | Rejected:
    if isinstance(item, Rejected):
        return item
    if not _section(item, text)[1].strip():
        return Rejected(item.study_id, f"no text (loader.text={text})")
    if not item.images:
        return Rejected(item.study_id, "no image")
    if views == "frontal_first":
        return replace(item, images=(_frontal_first(item.images),))
    return item


def _section(study: Study, text: Section) -> tuple[str, str]:
    if text == "longest":
        section = longest_section(study.findings, study.impression)
        name, content = section.name, section.text
    else:
        name, content = text, getattr(study, text)
    return ("prompt" if study.text_kind == "prompt" else name), content


def _frontal_first(images: Sequence[Image]) -> Image:
    return min(images, key=lambda image: _PREFERENCE.get(image.view.upper(), len(_PREFERENCE)))


def _fingerprint(studies: Sequence[Study], rejected: Sequence[Rejected], settings: str) -> str:
    digest = hashlib.sha256(settings.encode())
    for study in studies:
        images = [image.fingerprint() for image in study.images]
        fields = [study.study_id, study.patient_id, study.findings, study.impression, study.source, study.policy]
        digest.update(json.dumps([fields, dict(study.labels), study.truth, study.text_kind, images]).encode())
    digest.update(json.dumps([[item.where, item.reason] for item in rejected]).encode())
    return digest.hexdigest()[:24]


def _build(
    folder: Path, studies: Sequence[Study], rejected: Sequence[Rejected], split: str, side: int, text: Section
) -> None:
    """Decode every image once; a study stays as long as one of its images can be used."""
    images = [image for study in studies for image in study.images]
    log.info("decoding %d images of %s at %d px into %s", len(images), split, side, folder)
    with atomic_folder(folder, first_wins=True) as sibling:
        pixels = np.lib.format.open_memmap(sibling / "pixels.npy", "w+", np.uint8, (len(images), side, side))
        _claim(sibling / "pixels.npy")
        decoded = list(_fill(pixels, decode_all(images, side), split))
        kept = _kept(studies, decoded)
        if not kept:
            raise DataError(_nothing_left(split, rejected, decoded))
        cases = [
            _case(study, decoded[rows[0]], text)
            | {"split": split, "images": len(rows), "image_hash": hashlib.sha256(pixels[rows[0]]).hexdigest()}
            for study, rows in kept
        ]
        write_cases(sibling / "cases.parquet", cases)
        pairs = [(place, row) for place, (_, rows) in enumerate(kept) for row in rows]
        np.save(sibling / "image_rows.npy", np.array(pairs, dtype=np.int64))
        broken = [(s.study_id, d.reason) for s, d in zip(_owners(studies), decoded, strict=True) if d.reason]
        seal(
            sibling,
            {
                "split": split,
                "side": side,
                "policy": strictest(study.policy for study, _ in kept),
                "rejected": [(item.where, item.reason) for item in rejected] + broken,
            },
        )


def _claim(path: Path) -> None:
    """Take the disk space of a sparse file now: a full disk would kill the process while the memory map is written."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _fill(pixels: NDArray[np.uint8], decoded: Iterator[Decoded], split: str) -> Iterator[Decoded]:
    console = Console(stderr=True)
    steps = track(decoded, f"decoding {split}", total=len(pixels), console=console, transient=True)
    for row, item in enumerate(steps):
        if item.pixels is not None:
            pixels[row] = item.pixels
        yield replace(item, pixels=None)


def _owners(studies: Sequence[Study]) -> Iterator[Study]:
    return (study for study in studies for _ in study.images)


def _kept(studies: Sequence[Study], decoded: Sequence[Decoded]) -> list[tuple[Study, list[int]]]:
    """Pair each study with the rows of its usable images; leave out studies that have none."""
    ends = np.cumsum([len(study.images) for study in studies])
    rows = [
        [row for row in range(end - len(study.images), end) if not decoded[row].reason]
        for study, end in zip(studies, ends, strict=True)
    ]
    return [(study, own) for study, own in zip(studies, rows, strict=True) if own]


def _nothing_left(split: str, rejected: Sequence[Rejected], decoded: Sequence[Decoded]) -> str:
    reasons = [item.reason for item in rejected] + [item.reason for item in decoded if item.reason]
    why = f"; the first of {len(reasons)} reasons: {reasons[0]}" if reasons else "; the reader yielded nothing for it"
    return f"split {split} has no usable study{why}"


def _case(study: Study, image: Decoded, text: Section) -> dict[str, Any]:
    section, content = _section(study, text)
    return {
        "study_id": study.study_id,
        "patient_id": study.patient_id,
        "text": content,
        "section": section,
        "view": study.images[0].view,
        "source": study.source,
        "policy": study.policy,
        "path": image.path,
        "truth": json.dumps(study.truth) if study.truth else None,
        "labels": encode_labels(study.labels),
        "thumbnail": image.thumbnail,
    }
