"""Saved reports on the screen, drawn without a browser and without a run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import streamlit as st
from documents.samples import REPORT, speaking
from streamlit.testing.v1 import AppTest

from medxpert.app import access
from medxpert.app.editing import reopened
from medxpert.archive.archive import Archive
from medxpert.archive.record import Record, Saved
from medxpert.exchange import Exported
from medxpert.reviewing import Decision, Review

_SCRIPT = """
from medxpert.app.screens import reports
reports.page()
"""
HOSTILE = "<img src=x onerror=alert(1)>**b** [l](javascript:alert(1)) $x$.png"
THUMBNAIL = (b"\xff\xd8", "Left effusion of then.", 0.9)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "app" / "reports")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    source = tmp_path / "film.png"
    PIL.Image.fromarray(np.zeros((8, 8), np.uint8)).save(source)
    exported = Exported(REPORT, np.zeros((8, 8), np.uint8), source, {"s1": THUMBNAIL}, "open")
    return Record(exported, Review(), "film.png", "a run")


@pytest.fixture
def drawn(alone: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return what draws the screen for a new session."""
    monkeypatch.setattr(reopened, "opened", lambda: SimpleNamespace(exporters={}))

    def draw(report: str = "", **state: Any) -> AppTest:
        page = AppTest.from_string(_SCRIPT, default_timeout=30)
        if report:
            page.query_params["report"] = report
        for name, value in state.items():
            page.session_state[name.replace("_", ".", 1)] = value
        return page.run()

    yield draw
    st.cache_resource.clear()


def html(page: AppTest) -> str:
    return "\n".join(one.proto.body for one in page.get("html"))


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


def test_nothing_saved_yet_says_how_to_begin(drawn):
    page = drawn()

    assert "No report was saved yet" in page.info[0].value
    assert not page.exception


def test_saved_reports_are_listed_and_found(drawn, archive, record):
    archive.save(record, "Dr. A", "me")
    archive.save(replace(record, name="other.png"), "Zed", "me")
    page = drawn()
    assert list(page.dataframe[0].value["image"]) == ["other.png", "film.png"]
    assert page.dataframe[0].value["review"][0] == "5 open"

    page = page.text_input(key="reports.text").set_value("zed").run()
    assert list(page.dataframe[0].value["by"]) == ["Zed"]
    page = page.text_input(key="reports.text").set_value("nowhere").run()
    assert "No saved report has all of these words" in page.info[0].value


def test_what_is_not_open_is_shown_to_those_only_who_may_see_it(drawn, archive, record, monkeypatch):
    private = replace(record, exported=replace(record.exported, policy="private"))
    mine, other = archive.save(private, "A", "me"), archive.save(private, "B", "you")
    archive.keep_draft(replace(private, name="draft.png"), "B", "you")

    assert list(drawn().dataframe[0].value["by"]) == ["A"]
    assert "draft.png" not in html(drawn())
    assert not drawn(mine.report_id).warning
    for state in ({"report": other.report_id}, {"report": "nobody"}, {"reports_open": other}):
        page = drawn(**state)
        assert "authenticated sessions only" in page.warning[0].value
        assert "effusion" not in html(page)
    (draft,) = archive.drafts(("private",))
    assert "authenticated sessions only" in drawn(reports_open=draft).warning[0].value
    monkeypatch.setattr(access, "may_see", lambda policy: True)
    assert list(drawn().dataframe[0].value["by"]) == ["B", "A"]
    assert not drawn(other.report_id).warning


def test_a_report_opens_with_the_evidence_of_its_time(drawn, archive, record):
    saved = archive.save(record, "A", "me")
    page = drawn(saved.report_id)

    assert not page.exception
    assert "Left effusion of then." in html(page)
    assert 'id="case-1"' in html(page)
    assert REPORT.findings[0].sentence in html(page)
    assert page.session_state["reports.open"] == saved


def test_an_edit_is_saved_as_the_next_version(drawn, archive, record):
    saved = archive.save(record, "A", "me")
    page = drawn(saved.report_id)
    page = page.button_group[0].set_value("rejected").run()
    page = next(one for one in page.text_input if one.label == "Your name").set_value("B").run()
    page = button(page, "Save report").click().run()

    assert [one.value for one in page.success] == ["Saved as version 2."]
    assert "Version 2 of 2" in html(page)
    assert archive.open(saved.report_id).review.decisions[0].choice == "rejected"
    assert [one.who for one in archive.history(saved.report_id)] == ["B", "A"]


def test_differences_are_shown_and_an_old_version_made_the_newest(drawn, archive, record, monkeypatch):
    first = archive.save(record, "A", "me")
    archive.save(replace(record, review=Review(note="<b>new</b> words")), "B", "me", first)
    page = drawn(first.report_id)
    assert '<ins class="mx-added">&lt;b&gt;new&lt;/b&gt; words</ins>' in html(page)

    page = button(page, "Make version 1 the newest").click().run()
    assert "Say who you are" in page.warning[0].value
    monkeypatch.setattr(access, "user", lambda: access.User("Z", False))
    page = button(page, "Make version 1 the newest").click().run()
    assert not page.exception
    assert [archive.open(first.report_id, version).review.note for version in (1, 2, 3)] == ["", "<b>new</b> words", ""]
    assert "Version 3 of 3" in html(page)


def test_an_old_version_is_opened_and_told_to_be_old(drawn, archive, record):
    first = archive.save(replace(record, review=Review(note="first")), "A", "me")
    archive.save(record, "B", "me", first)
    page = button(drawn(first.report_id), "Open version 1").click().run()

    assert "Version 2 is newer" in page.info[0].value
    assert "first" in [one.value for one in page.text_area]


def test_deleting_hides_a_report_and_can_be_taken_back(drawn, archive, record):
    saved = archive.save(record, "A", "me")
    film = archive.open(*saved).exported.source
    page = drawn(saved.report_id)
    assert any("its film leaves this machine" in one.value for one in page.caption)
    button(page, "Delete this report").click().run()
    assert not film.exists()
    page = drawn()
    assert not page.dataframe
    page = page.toggle[0].set_value(True).run()
    assert list(page.dataframe[0].value["image"]) == ["film.png"]
    page = button(drawn(saved.report_id), "Take it back").click().run()

    assert len(archive.search()) == 1
    assert "is missing; shown is what the model saw" in page.warning[0].value
    assert not page.exception


def test_what_another_session_began_or_saved_is_not_for_a_session_that_nobody_vouches_for(drawn, archive, record):
    archive.keep_draft(record, "A", "another")
    saved = archive.save(record, "A", "another")

    labels = [one.label for page in (drawn(), drawn(saved.report_id)) for one in page.button]
    assert not {"Go on", "Discard", "Delete this report"} & set(labels)


def test_a_begun_review_of_a_lost_session_goes_on_and_is_saved_once(drawn, archive, record, monkeypatch):
    monkeypatch.setattr(access, "user", lambda: access.User("", True))
    begun = Review((Decision("accepted"), *[Decision()] * (len(REPORT.findings) - 1)))
    archive.keep_draft(replace(record, review=begun), "A", "lost")
    page = button(drawn(), "Go on").click().run()
    page = next(one for one in page.text_input if one.label == "Your name").set_value("B").run()
    page = button(page, "Save report").click().run()

    assert not page.exception
    (row,) = archive.search()
    assert archive.open(row.report_id).review.decisions[0].choice == "accepted"
    assert archive.drafts() == []


def test_a_begun_review_is_discarded(drawn, archive, record):
    archive.keep_draft(record, "A", "me")
    button(drawn(), "Discard").click().run()

    assert archive.drafts() == []


def test_hostile_names_and_reports_are_text(drawn, archive, record):
    hostile = replace(record, exported=replace(record.exported, report=speaking(HOSTILE)), name=HOSTILE)
    written = replace(hostile.exported.report, findings=(), diagnoses=(), problems=(), changes=())
    hostile = replace(hostile, exported=replace(hostile.exported, report=written))
    saved = archive.save(hostile, HOSTILE, "me")
    archive.save(replace(hostile, review=Review(note=HOSTILE)), HOSTILE, "me", saved)
    archive.keep_draft(hostile, HOSTILE, "other")
    for page in (drawn(), drawn(saved.report_id)):
        assert not page.exception
        assert "<img" not in html(page)
        for one in (*page.title, *page.markdown, *page.warning, *page.caption):
            assert "<img" not in one.value.replace("\\<", "")
            assert "[l](" not in one.value


def test_a_source_that_is_gone_shows_what_the_model_saw(drawn, archive, record):
    saved = archive.save(record, "A", "me")
    archive.open(*saved).exported.source.unlink()
    page = drawn(saved.report_id)

    assert "is missing" in page.warning[0].value
    assert not page.exception


def test_two_sessions_hold_their_own_work(drawn, archive, record):
    saved = archive.save(record, "A", "me")
    one, other = drawn(saved.report_id), drawn(saved.report_id)
    one.button_group[0].set_value("rejected").run()

    assert other.run().session_state["reports.held"].review.decisions[0].choice == "open"
    assert one.session_state["reports.held"].at == Saved(saved.report_id, 1)
