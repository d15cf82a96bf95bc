"""Keeps the images that reports are about, by the checksum of their content, so that documents can be made later."""

from __future__ import annotations

import re
import shutil
from collections.abc import Container
from pathlib import Path

from medxpert.errors import DataError
from medxpert.folders import atomic_file, explained, sha256

_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_FILM = re.compile(rf"[0-9a-f]{{64}}({_SUFFIX.pattern})?|\.[0-9a-f]{{64}}\.[0-9a-f]{{8}}({_SUFFIX.pattern})?")
"""The name of a kept image, or of what a killed process left of one."""


def keep(folder: Path, source: Path) -> str:
    """Copy a file to a folder, unless its content is there; return its name there.

    A file of that folder keeps its name even where it is gone: what is saved anew then says of it what is known.

    Raises:
        DataError: it cannot be read.
        ConfigError: the folder cannot be written.
    """
    if source.parent == folder:
        return source.name
    try:
        digest = sha256(source)
    except OSError as error:
        raise DataError(
            f"{source.name}: the image cannot be read any more ({error.strerror}); open it again and save then"
        ) from error
    suffix = source.suffix.lower()
    name = digest + (suffix if _SUFFIX.fullmatch(suffix) else "")
    if not (folder / name).is_file():
        with atomic_file(folder / name) as sibling:
            shutil.copyfile(source, sibling)
    return name


def fault(folder: Path, name: str) -> str:
    """Say what is wrong with a kept file; "" where its content is what was kept."""
    path = folder / name
    if not path.is_file():
        return f"{path} is missing"
    return "" if sha256(path) == name.partition(".")[0] else f"{path} is not what was kept (its checksum differs)"


def films(folder: Path) -> list[Path]:
    """Return what is kept in a folder, and what killed processes left there; no file that somebody else put there."""
    return [path for path in folder.iterdir() if _FILM.fullmatch(path.name)]


def must_be_known(folder: Path, database: Path) -> None:
    """Refuse a folder whose database is gone: in a new one nothing would need what is kept.

    Raises:
        DataError: something is kept, and there is no database.
        ConfigError: the folder cannot be read.
    """
    with explained(folder):
        if not database.exists() and films(folder):
            raise DataError(
                f"{database} is missing, the images of its reports are not: put a backup in its place, or move "
                f"{folder} away"
            )


def sweep(folder: Path, needed: Container[str]) -> None:
    """Remove what is kept and not needed, while nobody else keeps anything.

    Args:
        folder: of the kept files.
        needed: their names.

    Raises:
        ConfigError: the folder cannot be written.
    """
    with explained(folder):
        for path in films(folder):
            if path.name not in needed:
                path.unlink(missing_ok=True)
