"""Writes rows of the archive, within the transaction of whoever calls."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from medxpert.archive import listing
from medxpert.archive.reading import Written, case_id
from medxpert.archive.record import Record, Saved
from medxpert.documents.wording import line
from medxpert.errors import DataError
from medxpert.privacy import strictest
from medxpert.reporting import Report
from medxpert.reviewing import REVIEW, reviewed

_MOST_NAME_CHARS = 200


class Author(NamedTuple):
    """Who saves, and in which session."""

    who: str
    owner: str


def named(text: str) -> str:
    """Return a name as it is listed: one line without hidden characters, not too long."""
    return line(text)[:_MOST_NAME_CHARS]


def now() -> str:
    """Return the time as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def insert_blobs(connection: sqlite3.Connection, blobs: Mapping[str, bytes]) -> None:
    """Add what is not there yet."""
    connection.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?)", blobs.items())


def fetch(connection: sqlite3.Connection, name: str) -> bytes:
    """Return the content of a checksum.

    Raises:
        DataError: it is missing or damaged.
    """
    found = connection.execute("SELECT content FROM blobs WHERE sha256 = ?", (name,)).fetchone()
    content = b"" if found is None else bytes(found["content"])
    if hashlib.sha256(content).hexdigest() != name:
        raise DataError(f"saved report: its picture {name[:12]} is missing or damaged; put a backup in its place")
    return content


def insert_version(
    connection: sqlite3.Connection,
    saved: Saved,
    replaces: Saved | None,
    record: Record,
    written: Written,
    author: Author,
) -> None:
    """Add a version with its report, pictures and words to search; the draft of its case is done with."""
    at = datetime.now(UTC)
    final = reviewed(record.exported.report, record.review, author.who, at)
    if replaces is None:
        connection.execute("INSERT INTO reports (report_id, created_at) VALUES (?, ?)", (saved.report_id, now()))
    insert_blobs(connection, written.blobs)
    told = final.provenance[REVIEW]
    values: dict[str, Any] = {
        "report_id": saved.report_id,
        "version": saved.version,
        "parent": replaces.version if replaces else None,
        "who": author.who,
        "owner": author.owner,
        "saved_at": at.isoformat(timespec="milliseconds"),
        "name": named(record.name),
        "run": named(record.run),
        "policy": strictest([record.exported.policy, *_policies(connection, saved.report_id)]),
        "abstained": int(final.abstained),
        "impression": _first(final),
        "still_open": told["open"],
        **{choice: told[choice] for choice in ("accepted", "edited", "rejected")},
        "words": _words(record, final, author.who),
        "digest": written.digest,
        "body": written.body,
        "film": written.film,
    }
    row = _insert(connection, values)
    listing.index(connection, row, values["words"])
    connection.execute("DELETE FROM drafts WHERE owner = ? AND case_id = ?", (author.owner, case_id(record)))


def _insert(connection: sqlite3.Connection, values: Mapping[str, Any]) -> int:
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    row = connection.execute(f"INSERT INTO versions ({names}) VALUES ({places})", dict(values)).lastrowid
    return int(row or 0)


def _policies(connection: sqlite3.Connection, report_id: str) -> Sequence[str]:
    found = connection.execute("SELECT DISTINCT policy FROM versions WHERE report_id = ?", (report_id,))
    return [one["policy"] for one in found]


def _first(final: Report) -> str:
    """Return what a list shows of a report: its impression, or why there is none."""
    return line(final.abstain_reason if final.abstained else " ".join(final.impression))


def _words(record: Record, final: Report, who: str) -> str:
    """Return all that a search looks at."""
    draft, review, reply = record.exported.report, record.review, record.exported.reply
    told = [
        *(record.name, record.run, who, draft.technique, draft.comparison, draft.caption, draft.abstain_reason),
        *(one.sentence for one in (*final.findings, *draft.findings)),
        *(one.observation for one in final.findings),
        *final.impression,
        *(one.name for one in final.diagnoses),
        *(f"{code.code} {code.description}" for one in final.diagnoses for code in one.icd10),
        review.note,
        *((reply.question, reply.answer) if reply else ()),
    ]
    return "\n".join(dict.fromkeys(line(one) for one in told if one))
