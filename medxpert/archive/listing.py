"""Lists and searches saved reports: by full text where SQLite has FTS5, else by parts of words."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from medxpert.archive.record import Draft, Row, Saved, Version
from medxpert.privacy import checked
from medxpert.words import Policy

_WORD = re.compile(r"[^\W_]+")
_INDEX = """
CREATE VIRTUAL TABLE IF NOT EXISTS found USING fts5(words, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3')
"""
_MISSING = "INSERT INTO found (rowid, words) SELECT id, words FROM versions WHERE id NOT IN (SELECT rowid FROM found)"
_ROWS = """
SELECT v.*, r.deleted_by, r.deleted_at
FROM versions v JOIN reports r USING (report_id)
WHERE v.version = (SELECT max(version) FROM versions WHERE report_id = v.report_id)
AND (r.deleted_at IS NOT NULL) = :deleted
AND {seen}
AND {match}
ORDER BY v.id DESC LIMIT :limit OFFSET :offset
"""


class Asked(NamedTuple):
    """Which reports a list is of."""

    text: str
    """Words that all must begin some word of a report; "" for all."""
    policies: Sequence[Policy]
    """That may be seen."""
    owner: str
    """Session that sees its own reports whatever their policy; "" for none."""
    deleted: bool = False
    """Those that were deleted, and no others."""
    report_id: str | None = None
    """One report only."""


@cache
def has_fts5() -> bool:
    """Tell whether this machine's SQLite searches full text."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(_INDEX)
        except sqlite3.OperationalError:
            return False
    return True


def prepare(connection: sqlite3.Connection) -> None:
    """Make the full-text index if there is none, and add what was saved where there was none."""
    if has_fts5():
        connection.execute(_INDEX)
        connection.execute(_MISSING)


def index(connection: sqlite3.Connection, row: int, words: str) -> None:
    """Add the words of a version to the index."""
    if has_fts5():
        connection.execute("INSERT INTO found (rowid, words) VALUES (?, ?)", (row, words))


def rows(connection: sqlite3.Connection, asked: Asked, limit: int, offset: int) -> list[Row]:
    """List the newest versions of reports, the last saved first."""
    values: dict[str, Any] = {"deleted": int(asked.deleted), "limit": limit, "offset": offset}
    match = _match(asked.text, values)
    if asked.report_id is not None:
        values["report_id"] = asked.report_id
        match += " AND v.report_id = :report_id"
    found = connection.execute(_ROWS.format(seen=_seen(asked, values), match=match), values).fetchall()
    return [_row(one) for one in found]


def drafts(connection: sqlite3.Connection, policies: Sequence[Policy], owner: str) -> list[Draft]:
    """List unfinished reviews, the last kept first."""
    places = ", ".join("?" for _ in policies)
    found = connection.execute(
        f"SELECT * FROM drafts WHERE policy IN ({places}) OR (owner = ? AND owner <> '') ORDER BY kept_at DESC",
        (*policies, owner),
    )
    return [_draft(one) for one in found]


def versions(connection: sqlite3.Connection, report_id: str) -> list[sqlite3.Row]:
    """Return the rows of all versions of a report, the first first."""
    return connection.execute("SELECT * FROM versions WHERE report_id = ? ORDER BY version", (report_id,)).fetchall()


def version_of(one: sqlite3.Row) -> Version:
    """Return a row of `versions` as a history shows it."""
    return Version(
        one["version"],
        one["parent"],
        one["who"],
        datetime.fromisoformat(one["saved_at"]),
        one["impression"],
        {
            "open": one["still_open"],
            "accepted": one["accepted"],
            "edited": one["edited"],
            "rejected": one["rejected"],
        },
    )


def _seen(asked: Asked, values: dict[str, Any]) -> str:
    names = [f"policy{number}" for number, _ in enumerate(asked.policies)]
    values |= dict(zip(names, asked.policies, strict=True)) | {"owner": asked.owner}
    own = "EXISTS (SELECT 1 FROM versions o WHERE o.owner = :owner AND o.report_id = v.report_id)"
    return f"(v.policy IN ({', '.join(f':{name}' for name in names)}) OR (:owner <> '' AND {own}))"


def _match(text: str, values: dict[str, Any]) -> str:
    words = _WORD.findall(text)
    if not words:
        # signs alone are in no word
        return "0" if text.strip() else "1"
    if has_fts5():
        values["text"] = " ".join(f'"{word}"*' for word in words)
        return "v.id IN (SELECT rowid FROM found WHERE found MATCH :text)"
    values |= {f"word{number}": f"%{word}%" for number, word in enumerate(words)}
    return " AND ".join(f"v.words LIKE :word{number}" for number, _ in enumerate(words))


def _row(one: sqlite3.Row) -> Row:
    deleted_at = one["deleted_at"]
    return Row(
        one["report_id"],
        version_of(one),
        one["version"],
        one["name"],
        one["run"],
        checked(one["policy"]),
        bool(one["abstained"]),
        one["deleted_by"] or "",
        None if deleted_at is None else datetime.fromisoformat(deleted_at),
    )


def _draft(one: sqlite3.Row) -> Draft:
    replaces = None if one["report_id"] is None else Saved(one["report_id"], one["version"])
    kept_at = datetime.fromisoformat(one["kept_at"])
    return Draft(one["owner"], one["case_id"], one["who"], kept_at, one["name"], checked(one["policy"]), replaces)
