"""Radiographs in ordinary picture files, read as grey squares."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pil
from PIL import ImageOps, UnidentifiedImageError

from medxpert.errors import DataError
from medxpert.images.resize import fitted, padded, resized
from medxpert.words import Image

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MAX_MEGAPIXELS = 100
"""The largest digital radiographs have about 20; a small file may claim far more than memory holds."""

_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What PIL's decoders raise on broken files."""

# The limit above takes the place of PIL's own.
pil.MAX_IMAGE_PIXELS = None


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


def load(image: Image, side: int) -> NDArray[np.uint8]:
    """Decode to grey [side, side]: the whole radiograph, aspect kept, black around it.

    Colour becomes luma, transparency shows black, EXIF orientation is applied. Files deeper than 8 bits are
    stretched from their own darkest to their own brightest value, because 12-bit radiographs in 16-bit files
    would be black on the full scale; both are taken after the resize, where a hot pixel hardly counts.

    Raises:
        DataError: the picture is missing, unreadable, broken, truncated or larger than `MAX_MEGAPIXELS`.
    """
    source = image.read()
    if isinstance(source, np.ndarray):
        return _fit(_from_pixels(source), side)
    name = str(source) if isinstance(source, Path) else f"picture of {len(source)} bytes"
    try:
        with pil.open(_stream(source), formats=FORMATS) as picture:
            return _decode(picture, side)
    except UnidentifiedImageError as error:
        raise DataError(f"{name}: expected a {', '.join(FORMATS)} picture, found something else") from error
    except _BROKEN as error:
        raise DataError(f"{name}: {getattr(error, 'strerror', None) or error}") from error


def _stream(source: Path | bytes) -> Path | io.BytesIO:
    if isinstance(source, bytes):
        empty = not source
    else:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("expected a picture file, found a folder or a device")
        empty = status.st_size == 0
    if empty:
        raise ValueError("expected a picture, found 0 bytes")
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _decode(picture: pil.Image, side: int) -> NDArray[np.uint8]:
    width, height = picture.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise ValueError(f"{width} x {height} pixels; the limit is {MAX_MEGAPIXELS} megapixels")
    # JPEG only: let the decoder skip the frequencies that the resize would remove.
    picture.draft("L", fitted(picture.size, 2 * side))
    ImageOps.exif_transpose(picture, in_place=True)
    return _fit(_grey(picture), side)


def _grey(picture: pil.Image) -> pil.Image:
    """Return mode "L", or "F" for what is deeper than 8 bits."""
    if picture.mode in _DEEP_MODES:
        return pil.fromarray(np.asarray(picture, np.float32))
    if picture.has_transparency_data:
        black = pil.new("RGBA", picture.size, "black")
        picture = pil.alpha_composite(black, picture.convert("RGBA"))
    return picture.convert("L")


def _from_pixels(pixels: NDArray[np.uint8]) -> pil.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.size == 0:
        raise DataError(f"expected uint8 grey pixels [H, W], found {pixels.dtype} {list(pixels.shape)}")
    return pil.fromarray(pixels)


def _fit(picture: pil.Image, side: int) -> NDArray[np.uint8]:
    small = resized(picture, side)
    pixels = np.asarray(small)
    return padded(_stretched(pixels) if small.mode == "F" else pixels, side)


def _stretched(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Map the range of pixels [H, W] to 0..255; constant pixels become 0."""
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite(high - low):
        raise ValueError("expected finite pixel values, found NaN or infinity")
    return np.rint((pixels - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
