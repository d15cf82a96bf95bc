"""Radiographs to model pixels, on all cores."""

from __future__ import annotations

import io
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.images.files import load
from medxpert.words import Image

THUMBNAIL_PX = 128
_IMAGES_PER_BLOCK = 2048
_FEW_IMAGES = 256
"""Below this, starting worker processes costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One image as the model sees it, or the reason why it cannot be seen.

    Attributes:
        pixels: uint8 [side, side]; None when the image is unusable.
        thumbnail: a grey JPEG of at most 128 px.
        reason: why there are no pixels; empty when there are.
        path: the file it came from; empty when it came from none.
    """

    pixels: NDArray[np.uint8] | None
    thumbnail: bytes = b""
    reason: str = ""
    path: str = ""


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """Encode grey pixels [H, W] as a JPEG of at most `THUMBNAIL_PX`."""
    picture = PIL.Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), PIL.Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def decode(image: Image, side: int) -> Decoded:
    """Decode one image to `side` pixels; a broken one yields its reason."""
    try:
        pixels = load(image, side)
    except DataError as error:
        return Decoded(None, reason=str(error))
    path = getattr(image, "path", None)
    return Decoded(pixels, thumbnail(pixels), path=str(Path(path).resolve()) if path else "")


def decode_all(images: Sequence[Image], side: int) -> Iterator[Decoded]:
    """Decode images in order, in worker processes when there are many."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    work = partial(decode, side=side)
    if workers == 1 or len(images) < _FEW_IMAGES:
        yield from map(work, images)
        return
    # spawn, because forking a process that runs OpenMP threads can hang it
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for start in range(0, len(images), _IMAGES_PER_BLOCK):
            yield from pool.map(work, images[start : start + _IMAGES_PER_BLOCK], chunksize=32)
