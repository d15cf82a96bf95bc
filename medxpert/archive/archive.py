"""Saved reports: every save a version, nothing overwritten, nothing half-written, drafts kept until they are saved."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from secrets import token_hex

from medxpert.archive import listing, reading, sources
from medxpert.archive.database import connected
from medxpert.archive.reading import Written
from medxpert.archive.record import Draft, Record, Row, Saved, SavedBesideError, Version
from medxpert.archive.storing import Author, fetch, insert_blobs, insert_version, named, now
from medxpert.database import transaction
from medxpert.documents.wording import line
from medxpert.errors import DataError
from medxpert.folders import explained
from medxpert.words import Policy

DATABASE, FILES = "reports.sqlite", "files"
_MARK = "UPDATE reports SET deleted_by = ?, deleted_at = ? WHERE report_id = ?"
_DELETED = "SELECT deleted_by, deleted_at FROM reports WHERE report_id = ?"


class Archive:
    """The saved reports of one folder; may be shared by threads, and the folder by processes.

    Reports are listed to those who may see their policy, and to the session that saved one of their versions.

    Args:
        folder: made if there is none, for its owner only.

    Raises:
        ConfigError: the folder cannot be written.
        DataError: the database in it is damaged, or newer than this program.
    """

    def __init__(self, folder: Path) -> None:
        self._files = folder / FILES
        self._path = folder / DATABASE
        with explained(folder):
            self._files.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        with self._changing() as connection:
            listing.prepare(connection)

    def save(self, record: Record, who: str, owner: str, replaces: Saved | None = None) -> Saved:
        """Save a record as a new report, or as the next version of one; its draft is done with.

        Equal saves by one person in a row are one. Two people (or tabs) who go on from one version both keep their
        work: the second becomes the newest version, marked as made from the version that it was, not from the first.

        Args:
            record: whole; its source file is copied.
            who: reviewed it, as the history says.
            owner: the session, which will see the report whatever its policy.
            replaces: the version that it was made from; None for a new report.

        Raises:
            SavedBesideError: it is saved, but somebody saved in between, or deleted the report.
            DataError: there is no such version, or the source cannot be read any more.
            ConfigError: the folder cannot be written.
        """
        author = Author(named(who), owner)
        with self._keeping(record) as (connection, written):
            before = listing.versions(connection, replaces.report_id) if replaces else []
            newest = _checked(before, replaces)
            if replaces and newest == replaces and _is_same(before[-1], written, author.who):
                return replaces
            saved = Saved(newest.report_id, newest.version + 1) if newest else Saved(token_hex(8), 1)
            insert_version(connection, saved, replaces, record, written, author)
            deleted = connection.execute(_DELETED, (saved.report_id,)).fetchone()
        _tell(saved, replaces, before, deleted)
        return saved

    def search(
        self,
        text: str = "",
        policies: Sequence[Policy] = ("open",),
        owner: str = "",
        limit: int = 50,
        offset: int = 0,
        deleted: bool = False,
    ) -> list[Row]:
        """List saved reports, the last saved first.

        Args:
            text: words that all must begin some word of report, review, name, run or who; "" for all.
            policies: that may be seen.
            owner: session whose own reports may be seen whatever their policy.
            limit: how many at most.
            offset: how many to skip.
            deleted: list those that were deleted, and no others.
        """
        with connected(self._path) as connection:
            return listing.rows(connection, listing.Asked(text, tuple(policies), owner, deleted), limit, offset)

    def row(self, report_id: str, policies: Sequence[Policy] = ("open",), owner: str = "") -> Row | None:
        """Return one report as a list shows it, deleted or not; None where there is none that may be seen."""
        with connected(self._path) as connection:
            found = (
                listing.rows(connection, listing.Asked("", tuple(policies), owner, deleted, report_id), 1, 0)
                for deleted in (False, True)
            )
            return next((rows[0] for rows in found if rows), None)

    def history(self, report_id: str) -> list[Version]:
        """Return all versions of a report, the newest first; none where there is no such report."""
        with connected(self._path) as connection:
            return [listing.version_of(one) for one in reversed(listing.versions(connection, report_id))]

    def open(self, report_id: str, version: int | None = None) -> Record:
        """Return a version of a report as it was saved; the newest by default.

        Raises:
            DataError: there is none, or it cannot be read any more.
        """
        with connected(self._path) as connection:
            found = listing.versions(connection, report_id)
            chosen = next((one for one in reversed(found) if version in (None, one["version"])), None)
            if chosen is None:
                of = "" if version is None else f"version {version} of "
                raise DataError(f"expected {of}report {line(report_id)}, found none; choose one of the list")
            return self._read(connection, chosen["body"])

    def delete(self, report_id: str, who: str) -> None:
        """Mark a report as deleted; all its versions stay, with the pixels that the model saw.

        Its kept images go, but for those that a report which is not deleted, or a draft of one, needs.
        """
        self._mark(report_id, named(who), now())

    def undelete(self, report_id: str) -> None:
        """Take the mark away."""
        self._mark(report_id, None, None)

    def keep_draft(self, record: Record, who: str, owner: str, replaces: Saved | None = None) -> None:
        """Keep an unfinished review of a session in place of what was kept of this case before.

        Raises:
            DataError: the source cannot be read any more.
            ConfigError: the folder cannot be written.
        """
        with self._keeping(record) as (connection, written):
            insert_blobs(connection, written.blobs)
            values = (named(record.name), record.exported.policy, written.body, written.film)
            connection.execute(
                "INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (owner, reading.case_id(record), named(who), now(), *(replaces or (None, None)), *values),
            )

    def draft(self, owner: str, case_id: str) -> Record | None:
        """Return an unfinished review; None where there is none.

        Raises:
            DataError: it cannot be read any more.
        """
        with connected(self._path) as connection:
            found = connection.execute(
                "SELECT body FROM drafts WHERE owner = ? AND case_id = ?", (owner, case_id)
            ).fetchone()
            return None if found is None else self._read(connection, found["body"])

    def drafts(self, policies: Sequence[Policy] = ("open",), owner: str = "") -> list[Draft]:
        """List unfinished reviews that may be seen, the last kept first: those of lost sessions, too."""
        with connected(self._path) as connection:
            return listing.drafts(connection, policies, owner)

    def drop_draft(self, owner: str, case_id: str) -> None:
        """Forget an unfinished review; its image goes as with a deleted report."""
        with self._changing() as connection:
            connection.execute("DELETE FROM drafts WHERE owner = ? AND case_id = ?", (owner, case_id))

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for one transaction; images that nothing needs any more go after it."""
        with connected(self._path) as connection:
            with transaction(connection):
                yield connection
            sources.sweep(connection, self._files)

    @contextmanager
    def _keeping(self, record: Record) -> Iterator[tuple[sqlite3.Connection, Written]]:
        """Yield a connection for one transaction that keeps a record's image, and what is to be written."""
        source = record.exported.source
        name = None if source is None else sources.name_of(self._files, source)
        written = reading.write(record, name)
        if name is not None:
            with connected(self._path) as connection:
                # before it is copied: what a process leaves that is killed then is known
                sources.know(connection, name)
        with self._changing() as connection:
            if source is not None and name is not None:
                # again: who swept meanwhile has forgotten it, and waits now
                sources.know(connection, name)
                sources.keep(source, self._files / name)
            yield connection, written

    def _read(self, connection: sqlite3.Connection, body: str) -> Record:
        record = reading.read(body, partial(fetch, connection), self._files)
        source = record.exported.source
        fault = "" if source is None else sources.fault(self._files, source.name)
        return replace(record, fault=fault) if fault else record

    def _mark(self, report_id: str, who: str | None, when: str | None) -> None:
        with self._changing() as connection:
            connection.execute(_MARK, (who, when, report_id))


def _checked(before: Sequence[sqlite3.Row], replaces: Saved | None) -> Saved | None:
    """Return the newest version of the report that is replaced; None for a new report."""
    if replaces is None:
        return None
    if not any(one["version"] == replaces.version for one in before):
        told = f"{line(replaces.report_id)} has no version {replaces.version}"
        raise DataError(f"saved report {told}; save it as a new report")
    return Saved(replaces.report_id, before[-1]["version"])


def _is_same(newest: sqlite3.Row, written: Written, who: str) -> bool:
    return bool(newest["digest"] == written.digest and newest["who"] == who)


def _tell(saved: Saved, replaces: Saved | None, before: Sequence[sqlite3.Row], deleted: sqlite3.Row) -> None:
    """Say who saved or deleted meanwhile."""
    between = [one for one in before if replaces and one["version"] > replaces.version]
    told = [
        f"{one['who'] or 'somebody'} saved version {one['version']} at {_clock(one['saved_at'])}" for one in between
    ]
    if told and replaces:
        raise SavedBesideError(
            f"Both are kept: after version {replaces.version}, from which you went on, {', '.join(told)}; yours is "
            f"version {saved.version}. Compare them in the history",
            saved,
        )
    if deleted["deleted_at"]:
        raise SavedBesideError(
            f"Kept as version {saved.version}, but {deleted['deleted_by'] or 'somebody'} deleted this report at "
            f"{_clock(deleted['deleted_at'])}; take it back from the deleted ones, and save again to keep its film",
            saved,
        )


def _clock(when: str) -> str:
    return f"{datetime.fromisoformat(when):%Y-%m-%d %H:%M} UTC"
