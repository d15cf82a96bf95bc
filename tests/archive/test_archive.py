"""Saved reports: versions, branches, deletion, drafts; a killed process leaves nothing half-written."""

import multiprocessing
import os
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from medxpert.archive.archive import FILES, Archive
from medxpert.archive.record import Record, Saved, SavedBesideError
from medxpert.errors import ConfigError, DataError

fork = multiprocessing.get_context("fork" if hasattr(os, "fork") else None)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "reports")


def test_a_record_comes_back_as_it_was_saved(archive, record):
    saved = archive.save(record, "Dr. A", "me")
    record.exported.source.unlink()
    back = archive.open(saved.report_id)

    assert (saved.version, back.fault) == (1, "")
    assert back.exported.report == record.exported.report
    assert back.exported.reply == record.exported.reply
    assert back.exported.cited == record.exported.cited
    assert back.exported.policy == "credentialed"
    assert np.array_equal(back.exported.pixels, record.exported.pixels)
    assert (back.review, back.name, back.run) == (record.review, record.name, record.run)
    assert (back.hits, back.voters) == (record.hits, record.voters)
    assert back.exported.source.parent == archive._files
    assert back.exported.source.suffix == ".png"


def test_a_text_query_comes_back(archive, record):
    asked = replace(record, exported=replace(record.exported, pixels=None, source=None, reply=None))
    back = archive.open(archive.save(asked, "A", "me").report_id)

    assert (back.exported.pixels, back.exported.source, back.exported.reply) == (None, None, None)


def test_each_save_is_a_version_and_old_ones_stay(archive, record, noted):
    first = archive.save(record, "A", "me")
    second = archive.save(noted("two"), "B", "you", first)

    assert second == Saved(first.report_id, 2)
    assert [archive.open(first.report_id, version).review.note for version in (1, 2, None)] == ["a note", "two", "two"]
    newest, oldest = archive.history(first.report_id)
    assert (newest.who, newest.parent, newest.is_branch) == ("B", 1, False)
    assert (oldest.who, oldest.parent, oldest.is_branch) == ("A", None, False)
    assert oldest.counts == {"open": len(record.review.decisions) - 2, "accepted": 1, "edited": 1, "rejected": 0}
    assert newest.saved_at >= oldest.saved_at


def test_an_equal_save_by_the_same_person_is_no_new_version(archive, record):
    first = archive.save(record, "A", "me")

    assert archive.save(record, "A", "me", first) == first
    assert archive.save(record, "B", "me", first).version == 2
    assert archive.save(record, "A", "me").report_id != first.report_id


def test_two_tabs_both_keep_their_work_and_the_second_is_told(archive, record, noted):
    first = archive.save(record, "A", "tab 1")
    archive.save(noted("of tab 1"), "A", "tab 1", first)
    with pytest.raises(
        SavedBesideError, match=r"Both are kept: after version 1.* A saved version 2 at .*yours is"
    ) as told:
        archive.save(noted("of tab 2"), "B", "tab 2", first)

    assert told.value.saved == Saved(first.report_id, 3)
    assert [archive.open(first.report_id, version).review.note for version in (2, 3)] == ["of tab 1", "of tab 2"]
    assert [one.is_branch for one in archive.history(first.report_id)] == [True, False, False]
    assert archive.save(noted("on"), "B", "tab 2", told.value.saved).version == 4


def test_a_version_that_does_not_exist_is_neither_opened_nor_replaced(archive, record):
    first = archive.save(record, "A", "me")
    for missing in (Saved(first.report_id, 2), Saved("nobody", 1)):
        with pytest.raises(DataError, match="has no version"):
            archive.save(record, "A", "me", missing)
        with pytest.raises(DataError, match="found none"):
            archive.open(*missing)
    assert archive.history("nobody") == []
    assert len(archive.search(policies=("credentialed",))) == 1


def test_deletion_is_a_mark_with_who_and_when(archive, record, noted):
    saved = archive.save(record, "A", "me")
    archive.delete(saved.report_id, "B")

    assert archive.search(policies=("credentialed",)) == []
    found = archive.search(policies=("credentialed",), deleted=True)
    assert [(one.deleted_by, one.deleted_at is None) for one in found] == [("B", False)]
    assert archive.row(saved.report_id, ("credentialed",)).deleted_by == "B"
    with pytest.raises(SavedBesideError, match="Kept as version 2, but B deleted this report"):
        archive.save(noted("late"), "A", "me", saved)
    archive.undelete(saved.report_id)
    assert [one.versions for one in archive.search(policies=("credentialed",))] == [2]


def test_reports_are_seen_by_policy_or_by_the_session_that_saved_them(archive, record):
    saved = archive.save(record, "A", "me")

    assert archive.search() == []
    assert archive.search(owner="you") == []
    assert archive.row(saved.report_id) is None
    assert len(archive.search(owner="me")) == len(archive.search(policies=("credentialed",))) == 1
    assert archive.row(saved.report_id, owner="me").policy == "credentialed"
    unowned = archive.save(record, "A", "")
    assert unowned.report_id not in {one.report_id for one in archive.search(owner="")}


def test_a_report_never_gets_a_looser_policy(archive, record):
    first = archive.save(record, "A", "me")
    archive.save(replace(record, exported=replace(record.exported, policy="open")), "A", "me", first)

    assert archive.search() == []


def test_a_draft_outlives_its_session_until_it_is_saved_or_dropped(archive, record, noted):
    archive.keep_draft(noted("one"), "A", "me")
    archive.keep_draft(noted("two"), "A", "me")
    (draft,) = Archive(archive._path.parent).drafts(("credentialed",))

    assert (draft.owner, draft.who, draft.name, draft.replaces) == ("me", "A", "my film.png", None)
    assert archive.draft("me", draft.case_id).review.note == "two"
    assert archive.drafts() == archive.drafts(owner="you") == []
    assert archive.draft("you", draft.case_id) is None
    archive.save(noted("three"), "A", "me")
    assert archive.drafts(owner="me") == []
    archive.keep_draft(record, "A", "me", Saved("r", 3))
    assert archive.drafts(owner="me")[0].replaces == Saved("r", 3)
    archive.drop_draft("me", draft.case_id)
    assert archive.drafts(owner="me") == []


def test_a_source_that_is_gone_or_changed_is_told_and_the_rest_opens(archive, record):
    saved = archive.save(record, "A", "me")
    (kept,) = (archive._path.parent / FILES).iterdir()
    kept.write_bytes(b"other")
    assert "checksum differs" in archive.open(saved.report_id).fault
    kept.unlink()
    back = archive.open(saved.report_id)

    assert "missing" in back.fault
    assert back.exported.report == record.exported.report


def test_a_source_that_cannot_be_read_is_refused_in_one_line(archive, record, tmp_path):
    gone = replace(record, exported=replace(record.exported, source=tmp_path / "gone.png"))
    with pytest.raises(DataError, match=r"gone\.png: the image cannot be read any more"):
        archive.save(gone, "A", "me")
    assert archive.search(policies=("credentialed",)) == []


def test_hostile_names_are_one_harmless_line(archive, record):
    name = "../../etc/\x00passwd\n<script>\u202egnp.exe\ud800" + "x" * 500
    saved = archive.save(replace(record, name=name), "A\n\x1b[31m", "me")
    (row,) = archive.search("passwd script", policies=("credentialed",))

    assert row.name.startswith("../../etc/passwd <script>gnp.exexxx")
    assert len(row.name) == 200
    assert row.newest.who == "A [31m"
    assert archive.open(saved.report_id).name == name


def test_damaged_pictures_are_told(archive, record):
    saved = archive.save(record, "A", "me")
    with sqlite3.connect(archive._path) as connection:
        connection.execute("UPDATE blobs SET content = x'00'")
    connection.close()
    with pytest.raises(DataError, match="missing or damaged"):
        archive.open(saved.report_id)


def test_the_folder_is_the_owners_alone_and_must_be_writable(tmp_path):
    Archive(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        Archive(tmp_path / "file")


def test_threads_that_save_at_once_lose_nothing(archive, record, noted):
    first = archive.save(record, "A", "me")

    def work(number: int) -> None:
        for step in range(5):
            try:
                archive.save(noted(f"{number} {step}"), "A", "me", first)
            except SavedBesideError:
                continue

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    history = archive.history(first.report_id)

    assert [one.version for one in history] == list(range(31, 0, -1))
    notes = {archive.open(first.report_id, one.version).review.note for one in history}
    assert notes == {"a note", *(f"{number} {step}" for number in range(6) for step in range(5))}


def _save_for_ever(archive: Archive, record: Record, saved: Saved, source: Path, told: Connection) -> None:
    """Save one version after the other, each with another source and draft, and tell of each."""
    for number in range(100_000):
        source.write_bytes(b"%d %d" % (saved.version, number) * 5000)
        review = replace(record.review, note=str(number))
        one = replace(record, review=review, exported=replace(record.exported, source=source))
        archive.keep_draft(one, "A", "me", saved)
        saved = archive.save(one, "A", "me", saved)
        told.send(saved.version)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_process_killed_while_it_saves_leaves_whole_versions_only(archive, record, tmp_path):
    saved, told = archive.save(record, "A", "me"), 1
    for wait in range(8):
        ears, mouth = fork.Pipe(duplex=False)
        saver = fork.Process(target=_save_for_ever, args=(archive, record, saved, tmp_path / "given", mouth))
        saver.start()
        told = ears.recv()
        time.sleep(wait * 0.0017)
        saver.kill()
        saver.join()
        with closing(sqlite3.connect(archive._path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        history = archive.history(saved.report_id)
        assert history[0].version >= told
        assert [one.version for one in history] == list(range(len(history), 0, -1))
        backs = [archive.open(saved.report_id, one.version) for one in history]
        assert {one.fault for one in backs} == {""}
        assert all(one.exported.report == record.exported.report for one in backs)
        assert len(archive.search("effusion", policies=("credentialed",))) == 1
        saved = Saved(saved.report_id, history[0].version)
    assert told > 8
