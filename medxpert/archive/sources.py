"""Keeps the images that reports are about, by the checksum of their content, so that documents can be made later."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from medxpert.errors import DataError
from medxpert.folders import atomic_file, sha256

_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


def keep(folder: Path, source: Path) -> str:
    """Copy a file to a folder, unless its content is there; return its name there.

    Raises:
        DataError: it cannot be read.
        ConfigError: the folder cannot be written.
    """
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
