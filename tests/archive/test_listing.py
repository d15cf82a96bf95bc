"""Searching saved reports, with and without SQLite's full text."""

from dataclasses import replace

import pytest

from medxpert.archive import listing
from medxpert.archive.archive import Archive
from medxpert.archive.record import Saved

SEEN = ("open", "credentialed")


@pytest.fixture(params=[True, False], ids=["fts5", "like"])
def archive(request, tmp_path, monkeypatch):
    if not request.param:
        monkeypatch.setattr(listing, "has_fts5", lambda: False)
    return Archive(tmp_path / "reports")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("effusion", True),
        ("EFFU mode", True),
        ("my film", True),
        ("a run", True),
        ("Dr. Müller", True),
        ("note", True),
        ("J90", True),
        ("Mild edema", True),
        ("effusion nowhere", False),
        ('"; DROP TABLE versions; --', False),
        ("film*", True),
        ("effusion OR nowhere", False),
        ("***", False),
        ("%", False),
    ],
)
def test_all_words_must_begin_a_word(archive, record, text, found):
    archive.save(record, "Dr. Müller", "me")

    assert [one.name for one in archive.search(text, SEEN)] == ["my film.png"] * found


def test_only_the_newest_version_is_searched_and_listed_once(archive, record, noted):
    first = archive.save(noted("zebra"), "A", "me")
    archive.save(noted("giraffe"), "A", "me", first)

    assert archive.search("zebra", SEEN) == []
    (row,) = archive.search("giraffe", SEEN)
    assert (row.versions, row.newest.version, row.report_id) == (2, 2, first.report_id)


def test_the_last_saved_comes_first_in_pages(archive, record):
    saved = [archive.save(replace(record, name=f"film {number}"), "A", "me") for number in range(5)]
    archive.save(replace(record, name="film 0 again"), "A", "me", Saved(saved[0].report_id, 1))

    names = [one.name for start in (0, 2, 4) for one in archive.search("film", SEEN, limit=2, offset=start)]
    assert names == ["film 0 again", "film 4", "film 3", "film 2", "film 1"]


def test_what_was_saved_without_full_text_is_found_with_it(tmp_path, record, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(listing, "has_fts5", lambda: False)
        Archive(tmp_path / "reports").save(record, "A", "me")

    assert len(Archive(tmp_path / "reports").search("effusion", SEEN)) == listing.has_fts5()


def test_a_row_shows_the_impression_after_the_review(archive, record):
    archive.save(replace(record, review=replace(record.review, impression=("Edema.",))), "A", "me")

    (row,) = archive.search(policies=SEEN)
    assert row.newest.impression.startswith("Edema.")
