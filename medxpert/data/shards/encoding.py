"""Radiographs as they are stored: smaller, grey, and looked at once for what a reader of the data should know."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import partial

import numpy as np
import PIL.Image
import simplejpeg
from numpy.typing import NDArray

from medxpert.data.decoding import origin, thumbnail
from medxpert.data.shards.layout import Format
from medxpert.images.burned_in import burned_in
from medxpert.images.dataset import is_dicom
from medxpert.images.errors import ImageError
from medxpert.images.files import load_whole
from medxpert.images.header import DicomHeader, read_header
from medxpert.images.source import head
from medxpert.words import Image

JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Encoded:
    """One image as it is stored, or the reason why it cannot be.

    Attributes:
        data: the encoded picture; empty when the image is unusable.
        thumbnail: a grey JPEG of at most 128 px.
        sha256: of its pixels before they were encoded, and their shape.
        path: the file it came from; empty when it came from none.
        suspicion: why letters may be burned into it; empty when there is no sign of them.
        reason: why there is no picture, one of few phrases; empty when there is one.
        detail: what was expected and found.
    """

    data: bytes
    thumbnail: bytes = b""
    sha256: str = ""
    path: str = ""
    suspicion: str = ""
    reason: str = ""
    detail: str = ""


def encode(image: Image, side: int, picture: Format) -> Encoded:
    """Shrink an image to `side` px, aspect kept, and encode it; a broken one yields its reason."""
    try:
        pixels = load_whole(image, side)
        suspicion = burned_in(_header(image), pixels)
    except ImageError as error:
        return Encoded(b"", reason=error.reason, detail=str(error))
    digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
    return Encoded(_ENCODERS[picture](pixels), thumbnail(pixels), digest, origin(image), suspicion)


def encoder(side: int, picture: Format) -> partial[Encoded]:
    """Return `encode` with its settings bound; it pickles."""
    return partial(encode, side=side, picture=picture)


def _header(image: Image) -> DicomHeader | None:
    source = image.read()
    if isinstance(source, np.ndarray) or not is_dicom(head(source)):
        return None
    return read_header(source)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    grey = np.ascontiguousarray(pixels)[:, :, None]
    return bytes(simplejpeg.encode_jpeg(grey, JPEG_QUALITY, "GRAY", "Gray"))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


_ENCODERS = {"jpeg": _jpeg, "png": _png}
