"""Takes uploaded files: limited in size and pixels, known by their content, their names never trusted."""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from secrets import token_hex
from threading import Event, Lock, Thread
from time import monotonic
from typing import NamedTuple

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from medxpert.app.content import check_size, image_suffix, shown_name, sound_suffix
from medxpert.app.leaving import Rooms, writing
from medxpert.app.opening import settings
from medxpert.errors import DataError
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageFile, load
from medxpert.recognisers.sound import read_sound

FOLDER = "uploads"
MOST_FILES = 100
"""That one session keeps."""
SWEEP_SECONDS = 30.0
_ROOM = "uploads.room"
_TRIED_SIDE = 32
_opening = Lock()


class Kept(NamedTuple):
    """An upload on disk.

    Attributes:
        path: in this session's folder; its name is made of the content.
        name: what the user called it, safe to show as text.
        sha256: of the content.
    """

    path: Path
    name: str
    sha256: str


def keep_image(name: str, content: bytes) -> Kept:
    """Keep an uploaded radiograph.

    Raises:
        DataError: it is too large, no image or DICOM, or has too many pixels.
        ConfigError: the app's folder cannot be written.
    """
    now, shown = settings(), shown_name(name)
    check_size(shown, content, now.max_megabytes)
    suffix = image_suffix(shown, content, now.max_megapixels)
    return _kept(shown, content, suffix, _try_image)


def keep_sound(name: str, content: bytes) -> Kept:
    """Keep an uploaded recording (WAV, FLAC or OGG).

    Raises:
        DataError: it is too large, or no recording that anybody could understand.
        ConfigError: the app's folder cannot be written, or the package that reads recordings is missing.
    """
    shown = shown_name(name)
    check_size(shown, content, settings().max_megabytes)
    return _kept(shown, content, sound_suffix(shown, content), read_sound)


def _try_image(path: Path) -> None:
    try:
        load(ImageFile(path), _TRIED_SIDE)
    except ImageError as error:
        if error.reason != "image broken":
            raise
        found = str(error).removeprefix(f"{path}: ")
        raise DataError(f"{path}: expected a whole picture, found a broken one ({found}); export it again") from None


def _kept(name: str, content: bytes, suffix: str, check: Callable[[Path], object]) -> Kept:
    """Write a file that a check can read, under the name of its content."""
    digest = hashlib.sha256(content).hexdigest()
    room = _room()
    path = room / f"{digest}{suffix}"
    if not path.is_file():
        if len(list(room.iterdir())) >= MOST_FILES:
            raise DataError(f"{name}: expected at most {MOST_FILES} uploads; reload the page to begin anew")
        _write(path, name, content, check)
    return Kept(path, name, digest)


def _write(path: Path, name: str, content: bytes, check: Callable[[Path], object]) -> None:
    sibling = path.with_name(f"{token_hex(8)}{path.suffix}")
    with writing(path):
        try:
            descriptor = os.open(sibling, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            check(sibling)
            sibling.replace(path)
        except DataError as error:
            # the user knows the file by its name, and nobody outside needs to know where it lies
            raise DataError(str(error).replace(str(sibling), name)) from None
        finally:
            sibling.unlink(missing_ok=True)


def _room() -> Path:
    """Return this session's folder."""
    context = get_script_run_ctx()
    name = st.session_state.setdefault(_ROOM, token_hex(16))
    with _opening:
        rooms = _rooms(settings().folder.resolve() / FOLDER)
    return rooms.room(name, context.session_id if context else "")


@cache
def _rooms(folder: Path) -> Rooms:
    """Open the folders once per server; a browser can empty streamlit's own caches."""
    rooms = Rooms(folder)
    stopped = Event()
    atexit.register(rooms.close)
    if runtime.exists():
        atexit.register(stopped.set)
        Thread(target=_sweep, args=(rooms, stopped), name="uploads", daemon=True).start()
    return rooms


def _sweep(rooms: Rooms, stopped: Event) -> None:
    while not stopped.wait(SWEEP_SECONDS):
        rooms.sweep(_present, monotonic())


def _present(session: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(session)
