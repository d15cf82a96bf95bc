"""The archive's database: its form, its migrations, its errors in one line."""

import sqlite3
import threading
from contextlib import closing

import pytest

from medxpert import database
from medxpert.archive.archive import Archive
from medxpert.archive.database import connected
from medxpert.database import explained, migrations, transaction
from medxpert.errors import ConfigError, DataError

ROOM = "medxpert.archive"


def test_a_new_database_has_the_newest_form_and_keeps_a_log(tmp_path):
    with connected(tmp_path / "a.sqlite") as connection:
        told = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("user_version", "journal_mode", "foreign_keys")
        ]

    assert told == [len(migrations(ROOM)), "wal", 1]
    assert [one.number for one in migrations(ROOM)] == list(range(1, len(migrations(ROOM)) + 1))


def test_an_older_database_is_brought_to_the_newest_form_with_what_it_holds(tmp_path, record, monkeypatch):
    every = migrations(ROOM)
    monkeypatch.setattr(database, "migrations", lambda room: every[:1])
    with connected(tmp_path / "reports.sqlite") as connection:
        connection.execute("INSERT INTO reports VALUES ('old', 'then', NULL, NULL)")
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
    monkeypatch.undo()
    Archive(tmp_path).keep_draft(record, "A", "me")

    with connected(tmp_path / "reports.sqlite") as connection:
        assert connection.execute("SELECT report_id FROM reports").fetchone()[0] == "old"


def test_a_migration_that_fails_leaves_the_old_form(tmp_path, monkeypatch):
    every = migrations(ROOM)
    broken = every[0]._replace(number=len(every) + 1, sql="CREATE TABLE more (a);\nCREATE TABLE reports (b);\n")
    with connected(tmp_path / "a.sqlite"):
        pass
    monkeypatch.setattr(database, "migrations", lambda room: (*every, broken))
    with pytest.raises(ConfigError, match="already exists"), connected(tmp_path / "a.sqlite"):
        pass
    monkeypatch.undo()

    with connected(tmp_path / "a.sqlite") as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert "more" not in names


def test_processes_that_open_a_new_database_at_once_agree(tmp_path):
    faults = []

    def work() -> None:
        try:
            Archive(tmp_path / "new")
        except DataError as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert faults == []


def test_a_newer_database_is_refused_in_one_line(tmp_path):
    with closing(sqlite3.connect(tmp_path / "reports.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match=rf"has form 99, this program knows {len(migrations(ROOM))}.*update") as told:
        Archive(tmp_path)
    assert "\n" not in str(told.value)


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path):
    (tmp_path / "reports.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match="is damaged"):
        Archive(tmp_path)


def test_a_database_that_another_holds_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    path = tmp_path / "a.sqlite"
    busy = pytest.raises(DataError, match="is busy")
    with connected(path) as holder, connected(path) as other, transaction(holder), busy, explained(path):
        other.execute("BEGIN IMMEDIATE")


def test_a_transaction_is_all_or_nothing(tmp_path):
    with connected(tmp_path / "a.sqlite") as connection:
        with pytest.raises(KeyboardInterrupt), transaction(connection):
            connection.execute("INSERT INTO reports VALUES ('a', 'b', NULL, NULL)")
            raise KeyboardInterrupt
        assert connection.execute("SELECT count(*) FROM reports").fetchone()[0] == 0
