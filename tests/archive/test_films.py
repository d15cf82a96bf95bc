"""Films that were kept for reports: each goes with the last that needs it, a killed process or not."""

import shutil
import threading
from dataclasses import replace
from unittest.mock import Mock

import pytest

from medxpert.archive import sources
from medxpert.archive.archive import DATABASE, FILES, Archive
from medxpert.archive.database import connected
from medxpert.archive.record import SavedBesideError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "reports"


@pytest.fixture
def archive(folder):
    return Archive(folder)


@pytest.fixture
def other(record, tmp_path):
    """Return a record of another film."""
    source = tmp_path / "other"
    source.write_bytes(b"another film")
    return replace(record, name="other", exported=replace(record.exported, source=source))


@pytest.fixture
def films(folder):
    """Return what counts the films that are kept, and all else that lies beside them."""
    return lambda: len(list((folder / FILES).iterdir()))


def test_a_film_goes_with_its_report_and_what_is_taken_back_shows_what_the_model_saw(archive, record, films):
    saved = archive.save(record, "A", "me")
    assert films() == 1
    archive.delete(saved.report_id, "B")
    assert films() == 0

    archive.undelete(saved.report_id)
    back = archive.open(saved.report_id)
    assert "missing" in back.fault
    assert back.exported.pixels is not None
    archive.keep_draft(replace(back, name="begun"), "A", "me", saved)
    assert archive.save(replace(back, name="again"), "A", "me", saved).version == 2


def test_a_film_that_another_report_needs_stays(archive, record, films):
    first, second = archive.save(record, "A", "me"), archive.save(record, "A", "me")
    archive.delete(first.report_id, "B")
    assert archive.open(second.report_id).fault == ""

    archive.delete(second.report_id, "B")
    assert films() == 0


def test_all_films_of_all_versions_go_and_no_others(archive, record, other, films):
    first, apart = archive.save(record, "A", "me"), archive.save(other, "A", "me")
    archive.save(replace(other, name="next"), "A", "me", first)
    archive.delete(first.report_id, "B")

    assert films() == 1
    assert archive.open(apart.report_id).fault == ""


def test_a_film_of_a_review_that_was_discarded_goes(archive, record, films):
    archive.keep_draft(record, "A", "me")
    (draft,) = archive.drafts(owner="me")
    assert films() == 1
    archive.drop_draft("me", draft.case_id)

    assert films() == 0


def test_a_film_that_was_begun_anew_stays_and_one_of_a_deleted_report_does_not(archive, record, films):
    saved = archive.save(record, "A", "me")
    archive.keep_draft(record, "A", "you")
    archive.delete(saved.report_id, "B")
    assert films() == 1

    archive.keep_draft(record, "A", "you", saved)
    archive.delete(saved.report_id, "B")
    assert films() == 0


def test_what_is_saved_on_a_deleted_report_keeps_no_film(archive, record, noted, films):
    saved = archive.save(record, "A", "me")
    archive.delete(saved.report_id, "B")
    with pytest.raises(SavedBesideError):
        archive.save(noted("late"), "A", "me", saved)

    assert films() == 0


def test_what_a_killed_process_left_goes_at_the_next_opening(archive, folder, record, films, monkeypatch):
    saved = archive.save(record, "A", "me")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sources, "sweep", Mock(side_effect=KeyboardInterrupt))
        archive.delete(saved.report_id, "B")
    (kept,) = (folder / FILES).iterdir()
    shutil.copyfile(kept, kept.with_name(f".{kept.stem}.0123abcd{kept.suffix}"))
    assert archive.row(saved.report_id, ("credentialed",)).deleted_by == "B"
    assert films() == 2

    Archive(folder)
    assert films() == 0


def test_a_film_of_a_save_that_was_killed_goes(archive, folder, record, films, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("medxpert.archive.archive.insert_version", Mock(side_effect=KeyboardInterrupt))
        archive.save(record, "A", "me")
    assert films() == 1

    Archive(folder)
    assert films() == 0


def test_a_film_that_cannot_be_removed_undoes_no_change_and_goes_later(archive, folder, record, films, caplog):
    saved = archive.save(record, "A", "me")
    (kept,) = (folder / FILES).iterdir()
    kept.unlink()
    kept.mkdir()
    archive.delete(saved.report_id, "B")
    assert archive.search(policies=("credentialed",)) == []
    assert "images that no report needs are still there" in caplog.text

    kept.rmdir()
    kept.touch()
    Archive(folder)
    assert films() == 0


def test_nobody_sweeps_a_film_that_is_being_saved(archive, folder, record, monkeypatch):
    archive.delete(archive.save(record, "A", "me").report_id, "B")
    keep, meanwhile = sources.keep, []

    def slow(*given):
        keep(*given)
        other = threading.Thread(target=Archive, args=(folder,))
        other.start()
        other.join(0.2)
        meanwhile.append(other)

    monkeypatch.setattr(sources, "keep", slow)
    saved = archive.save(record, "A", "me")
    meanwhile[0].join()
    assert archive.open(saved.report_id).fault == ""
    archive.delete(saved.report_id, "B")
    assert not any((folder / FILES).iterdir())


def test_nobody_saves_a_film_that_is_being_swept(archive, record, monkeypatch):
    saved, unneeded, meanwhile = archive.save(record, "A", "me"), sources._unneeded, []

    def slow(connection):
        found = unneeded(connection)
        if connection.in_transaction:
            meanwhile.append(threading.Thread(target=archive.save, args=(record, "B", "me")))
            meanwhile[0].start()
            meanwhile[0].join(0.2)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(sources, "_unneeded", slow)
        archive.delete(saved.report_id, "B")
    meanwhile[0].join()
    (row,) = archive.search(policies=("credentialed",))
    assert archive.open(row.report_id).fault == ""


def test_a_film_that_another_process_forgot_before_it_was_copied_is_known(archive, folder, record, films, monkeypatch):
    know = sources.know

    def slow(connection, name):
        know(connection, name)
        if not connection.in_transaction:
            Archive(folder)

    monkeypatch.setattr(sources, "know", slow)
    saved = archive.save(record, "A", "me")
    archive.delete(saved.report_id, "B")
    assert films() == 0


def test_films_of_an_older_database_are_known(archive, folder, record, other, films):
    deleted, stays = archive.save(record, "A", "me"), archive.save(other, "A", "me")
    archive.delete(stays.report_id, "B")
    archive.keep_draft(other, "A", "you")
    with connected(archive._path) as connection:
        connection.execute("UPDATE reports SET deleted_at = 'then' WHERE report_id = ?", (deleted.report_id,))
        for statement in ("DROP TABLE films", "DROP INDEX versions_by_film", "PRAGMA user_version = 2"):
            connection.execute(statement)
        for table in ("versions", "drafts"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN film")
    again = Archive(folder)

    assert films() == 1
    (draft,) = again.drafts(("credentialed",))
    assert again.draft("you", draft.case_id).fault == ""
    again.drop_draft("you", draft.case_id)
    assert films() == 0


@pytest.mark.parametrize("empty", [True, False])
def test_films_that_a_database_does_not_know_stay(archive, folder, record, other, films, empty):
    archive.save(record, "A", "me")
    for path in folder.glob(f"{DATABASE}*"):
        path.unlink()
    if empty:
        (folder / DATABASE).touch()
    again = Archive(folder)
    again.delete(again.save(other, "A", "me").report_id, "B")

    assert films() == 1
