"""Films that were kept for reports: each goes with the last that needs it, a killed process or not."""

import shutil
from dataclasses import replace
from unittest.mock import Mock

import pytest

from medxpert.archive import sources
from medxpert.archive.archive import DATABASE, FILES, Archive
from medxpert.archive.database import connected
from medxpert.archive.record import SavedBesideError
from medxpert.errors import DataError


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
    shutil.copyfile(kept, kept.with_name(f"{'0' * 64}.dcm"))
    shutil.copyfile(kept, kept.with_name("notes.txt"))
    assert archive.row(saved.report_id, ("credentialed",)).deleted_by == "B"
    assert films() == 4

    Archive(folder)
    assert [path.name for path in (folder / FILES).iterdir()] == ["notes.txt"]


def test_films_of_an_older_database_are_known(archive, folder, record, other, films):
    deleted, stays = archive.save(record, "A", "me"), archive.save(other, "A", "me")
    with connected(archive._path) as connection:
        connection.execute("UPDATE reports SET deleted_at = 'then' WHERE report_id = ?", (deleted.report_id,))
        for statement in ("DROP INDEX versions_by_film", "PRAGMA user_version = 2"):
            connection.execute(statement)
        for table in ("versions", "drafts"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN film")
    again = Archive(folder)

    assert films() == 1
    assert again.open(stays.report_id).fault == ""


def test_films_whose_database_is_gone_are_touched_by_nobody(archive, folder, record, films):
    archive.save(record, "A", "me")
    for path in folder.glob(f"{DATABASE}*"):
        path.unlink()
    for lost in (lambda: Archive(folder), archive.search, lambda: archive.delete("any", "B")):
        with pytest.raises(DataError, match=r"sqlite is missing.* put a backup in its place, or move .*files away"):
            lost()

    assert films() == 1
    assert not (folder / DATABASE).exists()
