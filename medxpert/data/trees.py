"""Finding the files of a data set under the folder a user names, however it was unpacked."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from medxpert.errors import ConfigError, DataError

_DEPTH = 3
"""Folders of a download such as physionet.org/files/mimic-cxr-jpg/2.1.0 that may stand above a data set's own root."""
_SHOWN = 6


def folder(value: str, setting: str) -> Path:
    """Return the folder that a setting names.

    Raises:
        ConfigError: it does not exist or is a file.
    """
    path = Path(value).expanduser()
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise ConfigError(f"{setting}={value}: expected a folder, found {found}; change {setting}")
    return path


def find(root: Path, *patterns: str) -> Path | None:
    """Return the first match of the first pattern that has one, in the root or up to three folders below it."""
    return next(_matches(root, patterns), None)


def find_all(root: Path, *patterns: str) -> list[Path]:
    """Return every match of every pattern, each once, in the order in which `find` tries them."""
    return list(dict.fromkeys(_matches(root, patterns)))


def must_find(root: Path, setting: str, *patterns: str) -> Path:
    """Return what `find` does.

    Raises:
        DataError: nothing matches; says what was expected and what the folder holds.
    """
    path = find(root, *patterns)
    if path is None:
        expected = " or ".join(patterns)
        raise DataError(f"{setting}={root}: expected {expected}, found {listing(root)}; point {setting} at its folder")
    return path


def listing(root: Path) -> str:
    """Name the first entries of a folder."""
    names = sorted(path.name + "/" * path.is_dir() for path in islice(root.iterdir(), 1000))
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "an empty folder"


def ending(folders: Iterable[Path], endings: Collection[str]) -> str | None:
    """Return the ending, as written, of the first file at any depth of these folders that has one of the endings."""
    for top in folders:
        for _, _, names in os.walk(top):
            for name in sorted(names):
                suffix = os.path.splitext(name)[1]
                if suffix.lower() in endings:
                    return suffix
    return None


def folders_of(top: Path) -> list[Path]:
    """Return the folders in a folder, sorted; none where it may not be looked into, such as lost+found."""
    try:
        with os.scandir(top) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except PermissionError:
        return []


def _matches(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    for pattern in patterns:
        yield from chain.from_iterable(sorted(top.glob(pattern)) for top in _tops(root))


def _tops(root: Path) -> Iterator[Path]:
    """Yield the root, then the folders below it, level by level; levels with many folders are data, not packaging."""
    level = [root]
    for _ in range(_DEPTH + 1):
        yield from level
        level = sorted(child for top in level for child in folders_of(top))
        if len(level) > _SHOWN:
            return
