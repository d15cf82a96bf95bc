"""From the studies of a reader to shards; training comes last, when all that it must not see is known."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from medxpert.data.decoding import on_all_cores
from medxpert.data.leaks import TRAIN, HeldOut
from medxpert.data.shards.encoding import Encoded, encoder
from medxpert.data.shards.layout import IMAGES, Format, shard_name
from medxpert.data.shards.writer import Prepared, write_shard
from medxpert.data.stored import frontal_first
from medxpert.data.survey import Survey
from medxpert.errors import ConfigError
from medxpert.folders import explained, sha256
from medxpert.preparation.journal import Journal, Part
from medxpert.words import Rejected, Study

MIN_SIDE, MAX_SIDE, MAX_SHARD_MB = 32, 4096, 100_000
_FORMATS = ("jpeg", "png")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Storage:
    """How images and shards are stored.

    Args:
        side: longest side of an image in px; smaller ones stay as they are.
        format: "jpeg" (quality 95) or "png" (nothing is lost).
        shard_mb: size from which a shard is closed, in millions of bytes.

    Raises:
        ConfigError: a value is out of range.
    """

    side: int = 256
    format: Format = "jpeg"
    shard_mb: float = 256

    def __post_init__(self) -> None:
        if not MIN_SIDE <= self.side <= MAX_SIDE:
            raise ConfigError(f"side={self.side}: expected {MIN_SIDE} to {MAX_SIDE} pixels")
        if self.format not in _FORMATS:
            raise ConfigError(f"format={self.format}: expected {' or '.join(_FORMATS)}")
        if not 0 < self.shard_mb < MAX_SHARD_MB:
            raise ConfigError(f"shard_mb={self.shard_mb} must be above 0 and below {MAX_SHARD_MB:,}")


class _Outcome(NamedTuple):
    """What became of one study."""

    study: Study
    images: list[Encoded]
    rejected: list[Rejected]


@dataclass
class _Batch:
    """Studies on their way into a shard."""

    first: int
    """Place of the first study in the survey."""
    studies: list[Prepared] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    dropped_images: list[tuple[str, str]] = field(default_factory=list)
    suspicious: list[tuple[str, str]] = field(default_factory=list)
    next: int = 0
    num_bytes: int = 0
    began: float = field(default_factory=monotonic)


class Build:
    """Writes the shards of all splits, as far as the journal does not know them.

    Args:
        survey: the studies.
        journal: what is done.
        storage: how it is stored.
        held_out: collects the images of the other splits and says what to do about them.
    """

    def __init__(self, survey: Survey, journal: Journal, storage: Storage, held_out: HeldOut) -> None:
        self._survey, self._journal, self._storage, self._held_out = survey, journal, storage, held_out

    def __call__(self) -> dict[str, list[Part]]:
        """Write what is missing.

        Returns:
            The parts of every split, in the survey's order of splits.

        Raises:
            DataError: an image of training is held out and the user wants to fail.
            ConfigError: a file cannot be written.
        """
        parts: dict[str, list[Part]] = {}
        with _progress() as progress:
            for split in sorted(self._survey.studies, key=lambda name: name == TRAIN):
                parts[split] = self._split(split, progress)
                for part in parts[split]:
                    self._held_out.add(split, hashes(part))
        return {split: parts[split] for split in self._survey.studies}

    def _split(self, split: str, progress: Progress) -> list[Part]:
        done = self._journal.parts(split)
        self._journal.forget_after(split, len(done))
        start = done[-1].known["next"] if done else 0
        studies = self._survey.studies[split]
        num_images = [len(study.images) for study in studies]
        task = progress.add_task(split, total=sum(num_images), completed=sum(num_images[:start]))
        batch = _Batch(start)
        for place, outcome in enumerate(self._outcomes(studies[start:]), start):
            self._take(batch, split, outcome, place + 1)
            progress.advance(task, num_images[place])
            if batch.num_bytes >= self._storage.shard_mb * 1e6:
                done.append(self._write(split, done, batch))
                batch = _Batch(place + 1)
        if batch.next:
            done.append(self._write(split, done, batch))
        return done

    def _outcomes(self, studies: Sequence[Study]) -> Iterator[_Outcome]:
        """Encode the images of each study on all cores, in order."""
        ordered = [replace(study, images=tuple(frontal_first(study.images))) for study in studies]
        images = [image for study in ordered for image in study.images]
        encoded = on_all_cores(encoder(self._storage.side, self._storage.format), images)
        for study in ordered:
            own = [next(encoded) for _ in study.images]
            kept = tuple(image for image, one in zip(study.images, own, strict=True) if not one.reason)
            rejected = [Rejected(study.study_id, one.reason, one.detail) for one in own if one.reason]
            if not own:
                rejected = [Rejected(study.study_id, "no image")]
            yield _Outcome(replace(study, images=kept), [one for one in own if not one.reason], rejected)

    def _take(self, batch: _Batch, split: str, outcome: _Outcome, next_place: int) -> None:
        batch.next = next_place
        study, images = outcome.study, outcome.images
        batch.rejected += outcome.rejected
        if not images:
            return
        if not study.findings.strip() and not study.impression.strip():
            batch.rejected.append(Rejected(study.study_id, "empty report"))
            return
        names = [image.sha256 for image in images]
        fault = self._held_out.fault(study, names) if split == TRAIN else None
        if fault:
            batch.rejected.append(fault)
            batch.dropped_images += [(study.study_id, name) for name in names]
            return
        prepared = Prepared(study, images)
        batch.suspicious += [(study.study_id, image.suspicion) for image in images if image.suspicion]
        batch.studies.append(prepared)
        batch.num_bytes += prepared.num_bytes

    def _write(self, split: str, done: Sequence[Part], batch: _Batch) -> Part:
        """Write a shard, unless every study of the batch was rejected, and note that it is done."""
        path = self._journal.output / split / shard_name(len(done))
        first_row = sum(part.known["studies"] for part in done)
        known = _known(batch)
        with self._journal.part(split, len(done), known) as tables:
            if batch.studies:
                with explained(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                write_shard(path, batch.studies, split, len(done), first_row, tables)
                known |= {"bytes": path.stat().st_size, "sha256": sha256(path)}
        return Part(self._journal.folder(split, len(done)), known)


def hashes(part: Part) -> list[str]:
    """Return the SHA-256 of each image's pixels."""
    if not part.known["studies"]:
        return []
    return [bytes(digest).hex() for digest in np.load(part.folder / IMAGES)["sha256"]]


def _known(batch: _Batch) -> dict[str, Any]:
    kept = {one.study.study_id for one in batch.studies}
    return {
        "first": batch.first,
        "next": batch.next,
        "studies": len(batch.studies),
        "whole": len(kept - {item.where for item in batch.rejected}),
        "images": sum(len(one.images) for one in batch.studies),
        "rejected": [(item.where, item.reason, item.detail) for item in batch.rejected],
        "dropped_images": batch.dropped_images,
        "suspicious": batch.suspicious,
        "policies": sorted({one.study.policy for one in batch.studies}),
        "sources": dict(Counter(one.study.source for one in batch.studies)),
        "seconds": round(monotonic() - batch.began, 3),
        "bytes": 0,
        "sha256": "",
    }


class _Speed(ProgressColumn):
    """Images per second, once known."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} images/s" if task.speed else "images")


def _progress() -> Progress:
    return Progress(
        TextColumn("preparing {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
