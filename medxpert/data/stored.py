"""What training, embedding and evaluation need of one split, wherever its pixels lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, SupportsIndex, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.data.sections import Reports, Text
from medxpert.images.resize import Fit
from medxpert.words import Image, Policy, Rejected

Views = Literal["frontal_first", "mean"]
"""Which images stand for a study: a frontal one where there is such, or all by the mean of their rows."""
_PREFERENCE = {"PA": 0, "AP": 0, "": 1}
"""Order of the views; all others come last."""


class Representation(NamedTuple):
    """What of a study is shown to a model."""

    side: int
    """Of the square pixels, in px."""
    text: Text = "longest"
    views: Views = "frontal_first"
    fit: Fit = "pad"
    every_image: bool = False
    """Whether training draws among all images of a study."""

    @property
    def one_image(self) -> bool:
        """Whether one image is all that is shown of a study."""
        return self.views == "frontal_first" and not self.every_image


class Pixels(Protocol):
    """Grey pixels [M, S, S] of M images, decoded when they are asked for."""

    def __getitem__(self, rows: SupportsIndex | Sequence[int] | NDArray[np.integer], /) -> NDArray[np.uint8]:
        """Return uint8 [S, S] for one row, [B, S, S] for B."""
        ...


class Stored(Protocol):
    """The N usable studies of one split."""

    @property
    def fingerprint(self) -> str:
        """Tells the content: equal fingerprints mean equal studies and pixels."""
        ...

    @property
    def cases_path(self) -> Path:
        """File of the cases table."""
        ...

    @property
    def cases(self) -> Cases:
        """The cases table, N rows."""
        ...

    @property
    def reports(self) -> Reports:
        """What training may draw of the N texts."""
        ...

    @property
    def pixels(self) -> Pixels:
        """Pixels of all images."""
        ...

    @property
    def image_rows(self) -> Sequence[NDArray[np.int64]]:
        """For each of the N studies, the rows in `pixels` that stand for it."""
        ...

    @property
    def every_image(self) -> Sequence[NDArray[np.int64]]:
        """For each of the N studies, the rows in `pixels` that training may draw, the one preferred first."""
        ...

    @property
    def blocks(self) -> NDArray[np.int64] | None:
        """[N] ascending numbers of the blocks that are fetched as a whole; None where any row costs the same."""
        ...

    @property
    def policy(self) -> Policy:
        """The strictest policy of its studies."""
        ...

    @property
    def rejected(self) -> list[Rejected]:
        """What could not be used."""
        ...

    def __len__(self) -> int: ...


@runtime_checkable
class PreparedReader(Protocol):
    """A reader of data that are prepared: its splits open as they are."""

    @property
    def leaks(self) -> Mapping[str, int | None]:
        """Patients and images in two splits, null where no patient is known."""
        ...

    def open_splits(self, shown: Representation, cache: Path) -> Mapping[str, Stored]:
        """Open every split; `cache` may keep what is derived from it."""
        ...


def frontal_first(images: Sequence[Image]) -> list[Image]:
    """Order a study's images: frontal views, unknown ones, all others; else as they were."""
    return sorted(images, key=lambda image: _PREFERENCE.get(image.view.upper(), len(_PREFERENCE)))
