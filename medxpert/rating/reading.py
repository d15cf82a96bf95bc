"""The reader's side of a study: the next report, its rating, the way back to the last one."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from medxpert.database import transaction
from medxpert.errors import DataError
from medxpert.rating import rows
from medxpert.rating.database import connected, now
from medxpert.rating.design import plan_of
from medxpert.rating.order import order_of
from medxpert.rating.record import Given, Item
from medxpert.rating.scales import check_values
from medxpert.rating.store import PICTURES, Studies

_MOST_COMMENT_CHARS = 2000
_OPEN = """
SELECT i.* FROM items i LEFT JOIN ratings r ON r.item = i.item AND r.is_correction = 0
WHERE i.reader = ? AND r.rating IS NULL ORDER BY i.place LIMIT 1
"""
_LAST = """
SELECT i.* FROM items i JOIN ratings r ON r.item = i.item AND r.is_correction = 0
WHERE i.reader = ? ORDER BY i.place DESC LIMIT 1
"""
_COUNTS = """
SELECT count(*) AS total, count(r.rating) AS done FROM items i
LEFT JOIN ratings r ON r.item = i.item AND r.is_correction = 0 WHERE i.reader = ?
"""


class Reading:
    """One reader in one study; two of one code, in whatever tabs or processes, are the same reader.

    Args:
        studies: of a folder.
        key: of the study.
        code: name of the reader; known ones go on where they were, new ones get an order of their own.

    Raises:
        DataError: the study is not open, or the code is empty.
    """

    def __init__(self, studies: Studies, key: str, code: str) -> None:
        self._studies, self._key = studies, key
        self.code = rows.named(code)
        if not self.code:
            raise DataError("reader: expected a name or code, found none; enter one")
        with connected(studies.path) as connection, transaction(connection):
            rows.must_be(connection, key, "open", "ask its coordinator")
            self._reader = self._known(connection) or self._enrolled(connection)

    def _known(self, connection: sqlite3.Connection) -> int | None:
        query = "SELECT reader FROM readers WHERE study = ? AND code = ?"
        found = connection.execute(query, (self._key, self.code)).fetchone()
        return None if found is None else int(found["reader"])

    def _enrolled(self, connection: sqlite3.Connection) -> int:
        study = rows.study_of(connection, self._key)
        plan = plan_of(study.design["plan"])
        query = "SELECT count(*) FROM readers WHERE study = ?"
        (place,) = connection.execute(query, (self._key,)).fetchone()
        reader = connection.execute(
            "INSERT INTO readers (study, code, place, enrolled_at) VALUES (?, ?, ?, ?)",
            (self._key, self.code, place, now()),
        ).lastrowid
        numbers = range(1, study.num_cases + 1)
        places = order_of(numbers, study.sources, place, plan.repeat_share, plan.seed)
        connection.executemany(
            "INSERT INTO items (reader, place, number, source, repeated) VALUES (?, ?, ?, ?, ?)",
            [(reader, at, one.case, one.source, int(one.repeat)) for at, one in enumerate(places, start=1)],
        )
        return int(reader or 0)

    def next(self) -> Item | None:
        """Return the first report that is not rated; None where all are."""
        with connected(self._studies.path) as connection:
            return self._item(connection, _OPEN)

    def last(self) -> Item | None:
        """Return the report that was rated last, with its rating, to correct it; None before the first."""
        with connected(self._studies.path) as connection:
            return self._item(connection, _LAST)

    def shown(self, item: int) -> None:
        """Note that a report was shown."""
        with connected(self._studies.path) as connection:
            connection.execute("INSERT INTO views (item, shown_at) VALUES (?, ?)", (item, now()))

    def rate(self, item: int, given: Given) -> bool:
        """Keep a rating of a report; tell whether it was kept: not if another tab was first.

        Raises:
            DataError: a scale has no level, the report is not this reader's, or the study was closed.
        """
        return self._kept(item, given, False)

    def correct(self, item: int, given: Given) -> bool:
        """Keep a rating in place of an earlier one, which stays in the record; its time does not count."""
        return self._kept(item, given, True)

    def _kept(self, item: int, given: Given, is_correction: bool) -> bool:
        check_values(given.told)
        with connected(self._studies.path) as connection, transaction(connection):
            rows.must_be(connection, self._key, "open", "nothing can be rated in it any more")
            owner = connection.execute("SELECT reader FROM items WHERE item = ?", (item,)).fetchone()
            if owner is None or owner["reader"] != self._reader:
                raise DataError(f"report {item} is none of {self.code}'s; go on with the next one")
            rated = connection.execute("SELECT 1 FROM ratings WHERE item = ?", (item,)).fetchone() is not None
            if rated != is_correction:
                return False
            connection.execute(
                "INSERT INTO ratings (item, is_correction, told, comment, shown_at, submitted_at, seconds, "
                "paused_seconds, silent_seconds, views) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (item, int(is_correction), *_written(given), _views(connection, item)),
            )
        return True

    def _item(self, connection: sqlite3.Connection, query: str) -> Item | None:
        found = connection.execute(query, (self._reader,)).fetchone()
        if found is None:
            return None
        counts = connection.execute(_COUNTS, (self._reader,)).fetchone()
        told, comment = _rating(connection, found["item"])
        return Item(
            found["item"],
            found["place"],
            counts["total"],
            counts["done"],
            found["number"],
            rows.shown_text(connection, self._key, found["number"], found["source"]),
            self._picture(connection, found["number"]),
            _views(connection, found["item"]),
            told,
            comment,
        )

    def _picture(self, connection: sqlite3.Connection, number: int) -> Path:
        query = "SELECT picture FROM cases WHERE study = ? AND number = ?"
        name = connection.execute(query, (self._key, number)).fetchone()["picture"]
        return self._studies.folder / PICTURES / self._key / str(name)


def _written(given: Given) -> tuple[str, str, str, str, float, float, float]:
    told = json.dumps({name: int(value) for name, value in given.told.items()})
    comment = given.comment.strip()[:_MOST_COMMENT_CHARS]
    return told, comment, given.shown_at, now(), given.seconds, given.paused_seconds, given.silent_seconds


def _views(connection: sqlite3.Connection, item: int) -> int:
    return int(connection.execute("SELECT count(*) FROM views WHERE item = ?", (item,)).fetchone()[0])


def _rating(connection: sqlite3.Connection, item: int) -> tuple[dict[str, int], str]:
    query = "SELECT told, comment FROM ratings WHERE item = ? ORDER BY rating DESC LIMIT 1"
    found = connection.execute(query, (item,)).fetchone()
    return ({}, "") if found is None else (json.loads(found["told"]), found["comment"])
