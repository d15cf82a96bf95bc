"""The bytes of a picture, from a file or from memory."""

from __future__ import annotations

import stat
from pathlib import Path

from medxpert.images.errors import ImageError

MAX_BYTES = 1 << 30
"""A picture file beyond this is none."""
_HEAD_BYTES = 132


def described(source: Path | bytes | memoryview) -> str:
    """Return what messages call the picture."""
    return str(source) if isinstance(source, Path) else f"picture of {len(source)} bytes"


def content(source: Path | bytes) -> bytes:
    """Return all bytes.

    Raises:
        ImageError: the file is missing, unreadable, empty or too large.
    """
    return _read(source, MAX_BYTES)


def head(source: Path | bytes) -> bytes:
    """Return as many bytes as the kind of file can be told by.

    Raises:
        ImageError: the file is missing, unreadable or empty.
    """
    return _read(source, _HEAD_BYTES, whole=False)


def _read(source: Path | bytes, limit: int, whole: bool = True) -> bytes:
    size = len(source) if isinstance(source, bytes) else _size(source)
    if size == 0:
        raise ImageError("expected a picture, found 0 bytes", "image empty")
    if whole and size > limit:
        raise ImageError(f"{size} bytes; the limit is {limit} bytes", "image too large")
    if isinstance(source, bytes):
        return source if whole else source[:limit]
    try:
        with source.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise ImageError(error.strerror or "cannot be read", "image unreadable") from error


def _size(path: Path) -> int:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise ImageError(error.strerror or "no such file", "image missing") from error
    except OSError as error:
        raise ImageError(error.strerror or "cannot be read", "image unreadable") from error
    except ValueError as error:
        raise ImageError(str(error), "image unreadable") from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("expected a picture file, found a folder or a device", "image unreadable")
    return status.st_size
