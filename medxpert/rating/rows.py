"""Rows of the database as the store gives them out, and back."""

from __future__ import annotations

import json
import sqlite3

from medxpert.documents.wording import line
from medxpert.errors import DataError
from medxpert.privacy import checked
from medxpert.rating.record import Progress, Rated, State, Study
from medxpert.rating.shaping import Shaped, Text

_MOST_NAME_CHARS = 80
_LAST = """
SELECT r.item, r.told, r.comment, c.corrections FROM ratings r JOIN (
  SELECT item, max(rating) AS last, count(*) - 1 AS corrections FROM ratings GROUP BY item
) c ON r.rating = c.last
"""
_RATED = f"""
SELECT d.code AS reader, i.place, i.number AS "case", c.study_id, c.patient_id, c.abnormal, i.source, i.repeated,
  l.told, l.comment, f.shown_at, f.submitted_at, f.seconds, f.paused_seconds, f.silent_seconds, f.views, l.corrections
FROM items i JOIN readers d USING (reader) JOIN ratings f ON f.item = i.item AND f.is_correction = 0
JOIN ({_LAST}) l ON l.item = i.item JOIN cases c ON c.study = d.study AND c.number = i.number
WHERE d.study = ? ORDER BY d.place, i.place
"""
"""Values as last corrected, times as they were when the report was rated first."""
_PROGRESS = """
SELECT d.code, count(r.rating) AS done, count(*) AS total, max(r.submitted_at) AS last
FROM readers d JOIN items i USING (reader) LEFT JOIN ratings r ON r.item = i.item AND r.is_correction = 0
WHERE d.study = ? GROUP BY d.reader ORDER BY d.place
"""


def named(text: str) -> str:
    """Return a name as it is listed: one line without hidden characters, not too long."""
    return line(text)[:_MOST_NAME_CHARS].strip()


def study_of(connection: sqlite3.Connection, key: str) -> Study:
    """Return one study.

    Raises:
        DataError: there is none.
    """
    one = connection.execute("SELECT * FROM studies WHERE study = ?", (key,)).fetchone()
    if one is None:
        raise DataError(f"reader study {line(key)}: expected one of the list, found none; choose another")
    sources = connection.execute("SELECT DISTINCT source FROM texts WHERE study = ? ORDER BY source", (key,))
    (count,) = connection.execute("SELECT count(*) FROM cases WHERE study = ?", (key,)).fetchone()
    return Study(
        key,
        one["name"],
        one["state"],
        checked(one["policy"]),
        json.loads(one["design"]),
        one["sha256"] or "",
        tuple(row["source"] for row in sources),
        count,
        *(one[name] or "" for name in ("created_by", "created_at", "opened_at", "closed_at")),
        *(one[name] or "" for name in ("unblinded_by", "unblinded_at", "salt")),
    )


def must_be(connection: sqlite3.Connection, key: str, state: State, refused: str) -> None:
    """Refuse what only a study in some state allows; within the transaction that would do it.

    Raises:
        DataError: the study is in another state.
    """
    study = study_of(connection, key)
    if study.state != state:
        raise DataError(f"reader study {study.name}: expected it to be {state}, found it {study.state}; {refused}")


def progress_of(connection: sqlite3.Connection, key: str) -> list[Progress]:
    """Return how far each reader is."""
    found = connection.execute(_PROGRESS, (key,)).fetchall()
    return [Progress(one["code"], one["done"], one["total"], one["last"] or "") for one in found]


def rated_of(connection: sqlite3.Connection, key: str) -> list[Rated]:
    """Return all ratings of a study with their sources."""
    return [_rated(one) for one in connection.execute(_RATED, (key,)).fetchall()]


def _rated(one: sqlite3.Row) -> Rated:
    flags = {name: bool(one[name]) for name in ("abnormal", "repeated")}
    return Rated(**{**dict(one), **flags, "told": json.loads(one["told"])})


def insert_text(connection: sqlite3.Connection, key: str, number: int, source: str, text: Text) -> None:
    """Add what a source says of a case."""
    connection.execute("INSERT INTO texts VALUES (?, ?, ?, ?, ?, NULL)", (key, number, source, *text))


def texts_of(connection: sqlite3.Connection, key: str, number: int) -> dict[str, Text]:
    """Return source -> what it says of a case."""
    query = "SELECT source, findings, impression FROM texts WHERE study = ? AND number = ?"
    found = connection.execute(query, (key, number)).fetchall()
    return {one["source"]: Text(one["findings"], one["impression"]) for one in found}


def show_text(connection: sqlite3.Connection, key: str, number: int, source: str, text: Shaped) -> None:
    """Fix what readers see of a source's report on a case."""
    connection.execute(
        "UPDATE texts SET shown = ? WHERE study = ? AND number = ? AND source = ?",
        (json.dumps(text), key, number, source),
    )


def shown_text(connection: sqlite3.Connection, key: str, number: int, source: str) -> Shaped:
    """Return what readers see of a source's report on a case."""
    query = "SELECT shown FROM texts WHERE study = ? AND number = ? AND source = ?"
    (values,) = connection.execute(query, (key, number, source)).fetchone()
    return Shaped(*json.loads(values))
