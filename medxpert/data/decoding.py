"""Radiographs to model pixels, on all cores."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import sleep
from typing import TypeVar

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from medxpert.images.errors import ImageError
from medxpert.images.files import load
from medxpert.images.resize import Fit
from medxpert.words import Image

Given = TypeVar("Given")
Made = TypeVar("Made")
THUMBNAIL_PX = 128
_PER_BLOCK = 2048
_FEW = 256
"""Below this, starting worker processes costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One image as the model sees it, or the reason why it cannot be seen.

    Attributes:
        pixels: uint8 [side, side]; None when the image is unusable.
        thumbnail: a grey JPEG of at most 128 px.
        sha256: of the pixels.
        path: the file it came from; empty when it came from none.
        reason: why there are no pixels, one of few phrases; empty when there are.
        detail: what was expected and found.
    """

    pixels: NDArray[np.uint8] | None
    thumbnail: bytes = b""
    sha256: str = ""
    path: str = ""
    reason: str = ""
    detail: str = ""


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """Encode grey pixels [H, W] as a JPEG of at most `THUMBNAIL_PX`."""
    picture = PIL.Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), PIL.Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def decode(image: Image, side: int, fit: Fit = "pad") -> Decoded:
    """Decode one image to `side` pixels; a broken one yields its reason."""
    try:
        pixels = load(image, side, fit)
    except ImageError as error:
        return Decoded(None, reason=error.reason, detail=str(error))
    return Decoded(pixels, thumbnail(pixels), hashlib.sha256(pixels.tobytes()).hexdigest(), origin(image))


def origin(image: Image) -> str:
    """Return the absolute path of the file that an image comes from; empty where it comes from none."""
    path = getattr(image, "path", None)
    return os.path.realpath(path) if path else ""


def decode_first(images: Sequence[Image], side: int, fit: Fit = "pad") -> list[Decoded]:
    """Decode images until one can be used; it stands last, behind those that cannot."""
    tried: list[Decoded] = []
    for image in images:
        tried.append(decode(image, side, fit))
        if not tried[-1].reason:
            break
    return tried


def decode_slots(slots: Sequence[Sequence[Image]], side: int, fit: Fit = "pad") -> Iterator[list[Decoded]]:
    """Decode the first usable image of each slot, in order, on all cores when there are many."""
    return on_all_cores(partial(decode_first, side=side, fit=fit), slots)


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_all_cores(work: Callable[[Given], Made], items: Sequence[Given]) -> Iterator[Made]:
    """Do the work on each item, in order, in worker processes when there are many; both must pickle."""
    workers = num_cores()
    if workers == 1 or len(items) < _FEW:
        yield from map(work, items)
        return
    # spawn, because forking a process that runs OpenMP threads can hang it
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _leave_with_parent, (os.getpid(),)) as pool:
        for start in range(0, len(items), _PER_BLOCK):
            yield from pool.map(work, items[start : start + _PER_BLOCK], chunksize=32)


def _leave_with_parent(parent: int) -> None:
    """Let a worker end soon after the process that started it was killed; it would wait for work for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
