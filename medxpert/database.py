"""Opens a database of SQLite: one connection per call, every change in one transaction, its form by migrations.

A connection is never shared: threads and processes meet in the database alone (write-ahead log, busy timeout).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from medxpert.errors import ConfigError, DataError

_BUSY_SECONDS = 10
_MIGRATION = re.compile(r"(\d{4})_\w+\.sql")


class Migration(NamedTuple):
    """One step of the database's form."""

    number: int
    sql: str


@cache
def migrations(room: str) -> tuple[Migration, ...]:
    """Return the steps in the folder `migrations` of a package, in their order, numbered from 1 without gaps."""
    found = ((_MIGRATION.fullmatch(one.name), one) for one in files(room).joinpath("migrations").iterdir())
    return tuple(sorted(Migration(int(match[1]), one.read_text("utf-8")) for match, one in found if match))


@contextmanager
def connected(path: Path, room: str) -> Iterator[sqlite3.Connection]:
    """Yield a connection; the database is made or brought to its newest form first.

    Args:
        path: of the database.
        room: the package whose migrations make its form.

    Raises:
        DataError: the database is damaged, busy, or newer than this program.
        ConfigError: it cannot be written.
    """
    with explained(path), closing(_opened(path)) as connection:
        _migrate(connection, path, migrations(room))
        yield connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Make all changes within, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the database's errors into one clear line.

    Raises:
        DataError: it is busy or damaged.
        ConfigError: it cannot be written.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise DataError(f"{path} is busy: another process writes to it for long; try again") from error
        raise ConfigError(f"cannot use {path}: {error}; free the space or give another folder=") from error
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path} is damaged ({error}); put a backup in its place, or move it away") from error


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Migration]) -> None:
    newest = steps[-1].number
    if _form(connection) < newest:
        with transaction(connection):
            # within the transaction: another process may have done it meanwhile
            for step in steps[_form(connection) :]:
                for statement in _statements(step.sql):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {step.number}")
    if _form(connection) > newest:
        raise DataError(
            f"{path} has form {_form(connection)}, this program knows {newest}: a newer MedXpert wrote it; "
            "update: pip install --upgrade medxpert"
        )


def _form(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(sql: str) -> Iterator[str]:
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
