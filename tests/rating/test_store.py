"""A study is made, filled, opened once, closed once; what was fixed stays fixed."""

import json
import sqlite3
from contextlib import closing

import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.rating.database import connected
from medxpert.rating.design import Plan, digest
from medxpert.rating.reading import Reading
from medxpert.rating.store import Studies


def test_a_new_study_is_a_draft_with_its_pictures(studies, draft):
    study = draft(name="Pilot")

    assert (study.name, study.state, study.policy, study.num_cases) == ("Pilot", "draft", "open", 3)
    assert study.sources == ("assistant", "reference")
    assert study.design["told"] == ["drawn by a test"]
    assert all(one.picture.is_file() for one in studies.cases(study.key))
    assert [one.key for one in studies.studies()] == [study.key]


def test_opening_freezes_a_design_that_names_no_source_of_a_text(studies, draft):
    study = studies.open(draft().key)

    assert study.state == "open"
    assert study.sha256 == digest(study.design)
    assert [len(one["texts"]) for one in study.design["cases"]] == [2, 2, 2]
    assert all(text not in json.dumps(study.design["cases"]) for text in ("assistant", "reference"))
    with pytest.raises(DataError, match="expected it to be draft, found it open"):
        studies.open(study.key)


def test_the_same_draw_gives_the_same_design(studies, draft):
    assert studies.open(draft().key).sha256 == studies.open(draft().key).sha256


def test_what_was_opened_cannot_be_changed_even_by_hand(studies, study, given):
    reading = Reading(studies, study.key, "A")
    reading.rate(reading.next().item, given())
    for change in (
        "UPDATE studies SET design = '{}'",
        "UPDATE texts SET shown = ''",
        "UPDATE ratings SET told = '{}'",
        "DELETE FROM ratings",
    ):
        with closing(sqlite3.connect(studies.path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
            connection.execute(change)


def test_reports_made_elsewhere_are_a_source_of_their_own(studies, draft):
    key = draft().key
    studies.add_source(key, "Gemini", {f"s{number}": f"Elsewhere {number}." for number in (1, 2, 3)})
    study = studies.open(key)

    assert study.sources == ("Gemini", "assistant", "reference")
    assert [text.findings for case, source, text in studies.shown(key) if source == "Gemini"] == [
        f"Elsewhere {number}." for number in (1, 2, 3)
    ]


def test_a_source_without_a_report_for_each_case_is_refused(studies, draft):
    key = draft().key
    with pytest.raises(DataError, match="for each of 3 cases, found none for 1, such as s2"):
        studies.add_source(key, "Gemini", {"s1": "One.", "s3": "Three.", "s2": " "})
    with pytest.raises(ConfigError, match="a name of its own"):
        studies.add_source(key, "assistant", {"s1": "One."})
    assert studies.study(key).sources == ("assistant", "reference")


def test_nothing_is_added_once_readers_read(studies, study):
    with pytest.raises(DataError, match="no reports can be added"):
        studies.add_source(study.key, "Late", {f"s{number}": "Text." for number in (1, 2, 3)})


def test_one_source_is_no_comparison(studies, draft):
    with pytest.raises(DataError, match="two sources of reports or more, found 1"):
        studies.open(draft(sources=("assistant",)).key)


def test_a_report_that_says_nothing_in_plain_sentences_stops_the_opening(studies, draft):
    key = draft().key
    studies.add_source(key, "Empty", {"s1": "One.", "s2": "No significant interval change.", "s3": "Three."})

    with pytest.raises(DataError, match=r"case 2 \(s2\): Empty says nothing"):
        studies.open(key)
    assert studies.study(key).state == "draft"


def test_sources_may_be_named_once_closed_or_unblinded_and_who_did_it_stays(studies, study):
    assert not study.is_named
    assert studies.unblind(study.key, "First").unblinded_by == "First"
    assert studies.unblind(study.key, "Second").unblinded_by == "First"
    assert studies.close(study.key).is_named
    with pytest.raises(DataError, match="expected it to be open, found it closed"):
        studies.close(study.key)


def test_a_failed_draw_leaves_nothing(studies, made):
    class Broken(made):
        def draw(self, plan, folder):
            super().draw(plan, folder)
            raise DataError("no more cases")

    with pytest.raises(DataError, match="no more cases"):
        studies.create(Plan("Broken", num_cases=3), Broken(3), "")
    assert studies.studies() == []
    assert not list((studies.folder / "pictures").rglob("*.png"))


def test_the_folder_is_its_owners_and_a_newer_database_is_refused(studies):
    assert studies.folder.stat().st_mode & 0o777 == 0o700
    with connected(studies.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="a newer MedXpert wrote it"):
        Studies(studies.folder)


def test_there_is_no_such_study(studies):
    with pytest.raises(DataError, match="found none"):
        studies.study("nothing")
