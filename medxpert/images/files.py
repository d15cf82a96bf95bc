"""The door for radiograph pixels: the same function for training and inference, whatever the file's format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pil

from medxpert.images import dicom, jpeg, pictures
from medxpert.images.dataset import SUFFIXES, is_dicom
from medxpert.images.errors import ImageError, named
from medxpert.images.resize import Fit, Goal, finished, padded, resized
from medxpert.images.source import content, described
from medxpert.words import Image


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture file; nothing is opened before `load`."""

    path: Path
    view: str = ""

    def fingerprint(self) -> str:
        """Return path, size and time of change; a file that cannot be looked at has neither."""
        try:
            status = self.path.stat()
        except (OSError, ValueError):
            return f"{self.path.absolute()}:unreadable"
        return f"{self.path.absolute()}:{status.st_size}:{status.st_mtime_ns}"

    def read(self) -> Path:
        """Return the file's path."""
        return self.path


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """An encoded picture in memory."""

    data: bytes = field(repr=False)
    view: str = ""

    def fingerprint(self) -> str:
        """Return the SHA-256 of the encoded bytes."""
        return hashlib.sha256(self.data).hexdigest()

    def read(self) -> bytes:
        """Return the encoded bytes."""
        return self.data


def load(image: Image, side: int, fit: Fit = "pad") -> NDArray[np.uint8]:
    """Decode a PNG, JPEG, TIFF, BMP, WebP or DICOM radiograph to grey [side, side], bone white.

    Args:
        image: what to decode.
        side: pixels per side.
        fit: "pad" shows the whole radiograph, aspect kept, black around it; "crop" its centre square.

    Raises:
        ImageError: the picture is missing, unreadable, broken, truncated or larger than `MAX_MEGAPIXELS`.
    """
    return padded(_shrunk(image, Goal(side, fit)), side)


def load_whole(image: Image, side: int) -> NDArray[np.uint8]:
    """Decode to grey [H, W] for storage: aspect kept, longest side `side`, no padding, never enlarged.

    `load` makes of the stored picture what it makes of the original: the same at this side, nearly the same below it,
    where the lines of a film that is not square may lie a pixel apart.

    Raises:
        ImageError: as for `load`.
    """
    return _shrunk(image, Goal(side, "whole"))


def _shrunk(image: Image, goal: Goal) -> NDArray[np.uint8]:
    source = image.read()
    if isinstance(source, np.ndarray):
        return finished(resized(_from_pixels(source), goal))
    with named(described(source)):
        return _decoded(source, goal)


def _decoded(source: Path | bytes, goal: Goal) -> NDArray[np.uint8]:
    data = content(source)
    if data.startswith(jpeg.MAGIC):
        return jpeg.shrink(data, goal)
    if is_dicom(data):
        return dicom.shrink(data, goal)
    try:
        return pictures.shrink(data, goal)
    except ImageError as error:
        if error.reason != "not an image" or isinstance(source, bytes) or source.suffix.lower() not in SUFFIXES:
            raise
    return dicom.shrink(data, goal, force=True)


def _from_pixels(pixels: NDArray[np.uint8]) -> pil.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.size == 0:
        message = f"expected uint8 grey pixels [H, W], found {pixels.dtype} {list(pixels.shape)}"
        raise ImageError(message, "image broken")
    return pil.fromarray(pixels)
