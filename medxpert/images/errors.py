"""Why a picture could not be used, as one of a few reasons that can be counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from medxpert.errors import DataError

Reason = Literal[
    "image missing",
    "image unreadable",
    "image empty",
    "image broken",
    "image too large",
    "not an image",
    "not a DICOM",
    "DICOM without pixels",
    "multi-frame DICOM",
    "unsupported DICOM",
    "DICOM decoder missing",
]

MAX_MEGAPIXELS = 100
"""The largest digital radiographs have about 20; a small file may claim far more than memory holds."""


class ImageError(DataError):
    """A picture cannot be used.

    Attributes:
        reason: the same few words for every picture with this fault, so that faults can be counted.
    """

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message, reason)
        self.reason: Reason = reason

    def __str__(self) -> str:
        return str(self.args[0])


@contextmanager
def named(name: str) -> Iterator[None]:
    """Put the picture's name in front of an `ImageError`."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{name}: {error}", error.reason) from error.__cause__


def refuse_beyond_limit(width: int, height: int) -> None:
    """Check a picture's size before it is decoded.

    Raises:
        ImageError: there are more pixels than `MAX_MEGAPIXELS`.
    """
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        message = f"{width} x {height} pixels; the limit is {MAX_MEGAPIXELS} megapixels"
        raise ImageError(message, "image too large")
