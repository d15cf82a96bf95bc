"""The words that every room shares: studies, hits, reports, and the Protocols of replaceable parts.

Shape letters: N studies, B batch, D embedding width, L tokens, C labels, H W pixels, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Policy = Literal["open", "credentialed", "private"]
POLICIES: tuple[Policy, ...] = ("open", "credentialed", "private")
"""From the loosest to the strictest."""

SPLITS: tuple[str, ...] = ("train", "val", "test")
"""What every reader offers."""
SHIFTED = "test_shift"
"""A test split from another distribution than the training studies; few readers offer one."""

Stage = Literal["untrained", "pretrained", "adapted"]


class Image(Protocol):
    """One radiograph whose pixels are read only when somebody asks for them. Must pickle."""

    @property
    def view(self) -> str:
        """Projection: "PA", "AP", "LATERAL" or "" when unknown."""
        ...

    def fingerprint(self) -> str:
        """Identify the content without decoding it; equal fingerprints mean equal pixels."""
        ...

    def read(self) -> Path | bytes | NDArray[np.uint8]:
        """Return a file, an encoded file's bytes, or grey pixels [H, W]."""
        ...


@dataclass(frozen=True, slots=True)
class Study:
    """One patient's examination at one time.

    Attributes:
        text_kind: "prompt" where the text is a sentence made from labels, not a report.
        labels: observation name -> 1 positive, 0 negative, -1 uncertain; names not mentioned are absent.
        patient_id: "" where nobody knows; such studies are no evidence that two splits are disjoint.
        policy: what may be done with it, whatever else it is mixed with.
        weight: how often training sees the study in an epoch, on average.
        truth: what a generator knows and no reader of real data does, as plain JSON values:
            {"image": {...}, "report": {...}}.
    """

    study_id: str
    patient_id: str
    images: tuple[Image, ...]
    findings: str = ""
    impression: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)
    split: str = ""
    source: str = ""
    policy: Policy = "private"
    text_kind: Literal["report", "prompt"] = "report"
    weight: float = 1.0
    truth: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row or image that could not be used. Readers yield it in a study's place.

    Attributes:
        where: a file and line, or a study and image.
        reason: a short phrase, one of few, so that equal faults can be counted.
        detail: what was expected and found there.
    """

    where: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


class Reader(Protocol):
    """Yields the studies of one split in a fixed order, and a `Rejected` for each row it had to skip.

    A reader (or the function that a partial binds) may name splits beyond `SPLITS` in an attribute `more_splits`;
    these are embedded and measured, never trained on nor indexed.
    """

    def __call__(self, split: str) -> Iterable[Study | Rejected]:
        """Read one of `SPLITS`, or of the reader's own `more_splits`."""
        ...


@dataclass(frozen=True, slots=True)
class Hit:
    """One similar case: its place, its cosine similarity and the case itself."""

    rank: int
    score: float
    study_id: str
    patient_id: str
    text: str
    labels: Mapping[str, int]
    row: int


class Encoder(Protocol):
    """Maps radiographs and texts to unit vectors of one space."""

    image_side: int

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode grey pixels [B, image_side, image_side] to unit rows [B, D]."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode B texts to unit rows [B, D]."""
        ...


class Neighbours(NamedTuple):
    """The best rows per query, best first; missing places hold row -1 and score -inf."""

    scores: NDArray[np.float32]
    """[Q, K] inner products."""
    rows: NDArray[np.int64]
    """[Q, K] rows of the indexed vectors."""


class Index(Protocol):
    """Finds the nearest of N unit vectors by inner product."""

    def build(self, vectors: NDArray[np.float32]) -> None:
        """Hold vectors [N, D]."""
        ...

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Hold vectors [M, D] too, as the rows behind those already there; nothing is built again."""
        ...

    @property
    def tuned(self) -> Mapping[str, float | str]:
        """What it found out when it was built, such as the recall that was measured; nothing where it is exact."""
        ...

    def save(self, path: Path) -> None:
        """Write to one file."""
        ...

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        ...

    def search(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Find the top_k rows for queries [Q, D], among the rows where allowed [N] is true."""
        ...
