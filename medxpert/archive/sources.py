"""Keeps the images that reports are about, by the checksum of their content, so that documents can be made later."""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
from pathlib import Path

from medxpert.database import transaction
from medxpert.errors import DataError
from medxpert.folders import atomic_file, sha256

_log = logging.getLogger(__name__)
_UNNEEDED = """
SELECT name FROM films
EXCEPT SELECT v.film FROM versions v JOIN reports r USING (report_id) WHERE r.deleted_at IS NULL
EXCEPT SELECT d.film FROM drafts d LEFT JOIN reports r USING (report_id) WHERE r.deleted_at IS NULL
"""
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


def name_of(folder: Path, source: Path) -> str:
    """Return the name under which a folder keeps a file.

    A file of that folder keeps its name even where it is gone: what is saved anew then says of it what is known.

    Raises:
        DataError: it cannot be read.
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
    return digest + (suffix if _SUFFIX.fullmatch(suffix) else "")


def keep(source: Path, path: Path) -> None:
    """Copy a file to where it is kept, unless it is there.

    Raises:
        ConfigError: the folder cannot be written.
    """
    if source.parent != path.parent and not path.is_file():
        with atomic_file(path) as sibling:
            shutil.copyfile(source, sibling)


def know(connection: sqlite3.Connection, name: str) -> None:
    """Note that an image is kept; none that was not noted is ever removed."""
    connection.execute("INSERT OR IGNORE INTO films VALUES (?)", (name,))


def sweep(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove noted images that no version of a report, and no draft of one, that was not deleted is of.

    What cannot be removed now goes after the next change, or when the archive is opened.
    """
    try:
        if not _unneeded(connection):
            return
        with transaction(connection):
            for name in _unneeded(connection):
                # with what killed processes left of it
                for path in (folder / name, *folder.glob(f".{Path(name).stem}.*")):
                    path.unlink(missing_ok=True)
                connection.execute("DELETE FROM films WHERE name = ?", (name,))
    except (OSError, sqlite3.Error) as error:
        _log.warning("%s: images that no report needs are still there: %s", folder, error)


def _unneeded(connection: sqlite3.Connection) -> list[str]:
    return [one["name"] for one in connection.execute(_UNNEEDED)]


def fault(folder: Path, name: str) -> str:
    """Say what is wrong with a kept file; "" where its content is what was kept."""
    path = folder / name
    if not path.is_file():
        return f"{path} is missing"
    return "" if sha256(path) == name.partition(".")[0] else f"{path} is not what was kept (its checksum differs)"
