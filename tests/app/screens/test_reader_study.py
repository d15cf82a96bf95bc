"""Readers rate blinded reports one at a time; a coordinator makes, watches, closes and analyses a study."""

import csv
import io

import numpy as np
import PIL.Image
import pytest

from medxpert.app import access
from medxpert.app.studying import showing
from medxpert.rating.reading import Reading
from medxpert.rating.scales import scales
from medxpert.rating.store import Studies

SOURCES = ("reference", "assistant", "nearest")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "app" / showing.FOLDER


@pytest.fixture
def vouched(monkeypatch):
    monkeypatch.setattr(access, "user", lambda: access.User("Dr. Coordinator", True))


def _open(screen):
    """Make a study of the small run through the coordinator's side, and open it."""
    drawn = screen("reader_study")
    drawn.segmented_control(key="reader_study.side").set_value("Coordinate").run()
    drawn.text_input(key="reader_study.name").set_value("Pilot <b>*x*</b>")
    drawn.number_input(key="reader_study.cases").set_value(2)
    drawn.slider(key="reader_study.again").set_value(20)
    next(one for one in drawn.button if one.label == "Draw the cases").click().run()
    assert not drawn.exception
    assert not drawn.error
    return drawn.button(key="reader_study.open").click().run()


def _html(drawn):
    return " ".join(one.proto.body for one in drawn.get("html"))


def _begin(drawn, code="Dr. A"):
    drawn.text_input(key="reader_study.code").set_value(code).run()
    return drawn.button(key="reader_study.begin").click().run()


def _answer(drawn, **values):
    for scale in scales():
        (radio,) = (one for one in drawn.radio if one.label.startswith(scale.title))
        radio.set_value(values.get(scale.name, scale.values[1]))
    drawn.run()
    return drawn.button(key="reader_study.submit").click().run()


def test_a_study_goes_from_its_draw_to_its_results(screen, folder, vouched):
    drawn = _open(screen)
    (study,) = Studies(folder).studies()
    assert (study.state, study.num_cases, study.sources) == ("open", 2, tuple(sorted(SOURCES)))
    assert "open" not in drawn.selectbox[0].options[0]
    assert study.created_by == "Dr. Coordinator"
    assert all(one.picture.is_file() for one in Studies(folder).cases(study.key))

    drawn.segmented_control(key="reader_study.side").set_value("Read").run()
    _begin(drawn)
    place = 0
    while any(one.key == "reader_study.submit" for one in drawn.button):
        shown = _html(drawn)
        assert not any(f">{source}<" in shown or source in str(drawn.main) for source in SOURCES)
        _answer(drawn, correctness=1 + place % 5)
        place += 1
        assert not drawn.exception
    assert place == 7
    assert "All 7 reports are rated" in drawn.success[0].value

    drawn.segmented_control(key="reader_study.side").set_value("Coordinate").run()
    assert not any("Results" in one.value for one in drawn.subheader)
    drawn.button(key="reader_study.close").click().run()
    assert not drawn.exception
    assert any("Results" in one.value for one in drawn.subheader)
    assert "assistant" in _html(drawn)
    assert len(drawn.get("download_button")) == 5
    assert all(one.proto.ignore_rerun for one in drawn.get("download_button"))
    rows = Studies(folder).rated(study.key)
    assert [row.told["correctness"] for row in rows] == [1, 2, 3, 4, 5, 1, 2]
    assert all(row.views == 1 and row.seconds >= 0 for row in rows)


@pytest.fixture
def study(screen, folder, vouched):
    """Return an open study, without its coordinator."""
    _open(screen)
    return Studies(folder).studies()[0]


def test_a_reader_pauses_corrects_leaves_and_goes_on(screen, folder, study):
    drawn = _begin(screen("reader_study"))
    assert drawn.button(key="reader_study.submit").disabled
    drawn.button(key="reader_study.pause").click().run()
    assert "Paused" in drawn.info[0].value
    assert not drawn.radio
    drawn.button(key="reader_study.resume").click().run()
    _answer(drawn, correctness=2)
    (row,) = Studies(folder).rated(study.key)
    assert row.paused_seconds > 0

    drawn.button(key="reader_study.correct").click().run()
    assert next(one for one in drawn.radio if one.label.startswith("Correctness")).value == 2
    _answer(drawn, correctness=5)
    (row,) = Studies(folder).rated(study.key)
    assert (row.told["correctness"], row.corrections) == (5, 1)

    drawn.button(key="reader_study.leave").click().run()
    again = _begin(screen("reader_study"))
    assert Reading(Studies(folder), study.key, "Dr. A").next().done == 1
    assert not again.exception


def test_another_tab_that_was_first_counts(screen, folder, study):
    one, other = _begin(screen("reader_study")), _begin(screen("reader_study"))
    for scale, radio in zip(scales(), other.radio, strict=True):
        radio.set_value(scale.values[0])
    _answer(one, correctness=4)
    other.run()

    assert "that rating counts" in other.toast[0].value
    assert all(radio.value is None for radio in other.radio)
    assert [row.told["correctness"] for row in Studies(folder).rated(study.key)] == [4]


def test_a_name_is_text(screen, study):
    drawn = _begin(screen("reader_study"), "<img src=x onerror=alert(1)>")

    assert not drawn.exception
    assert "<img" not in _html(drawn)


def test_nobody_coordinates_without_being_vouched_for(screen):
    drawn = screen("reader_study")
    drawn.segmented_control(key="reader_study.side").set_value("Coordinate").run()

    assert "authenticated sessions" in drawn.warning[0].value
    assert not any(one.key == "reader_study.open" for one in drawn.button)


def test_a_private_study_is_hidden_from_who_is_not_authenticated(study, monkeypatch):
    private = study._replace(policy="private")
    assert showing.seen([study, private]) == [study, private]
    monkeypatch.setattr(access, "user", lambda: access.User("", False))

    assert showing.seen([study, private]) == [study]


def test_one_is_no_plural():
    assert [showing.counted(number, "source") for number in (0, 1, 2)] == ["0 sources", "1 source", "2 sources"]


def test_imported_reports_join_a_draft(screen, folder, vouched):
    drawn = screen("reader_study")
    drawn.segmented_control(key="reader_study.side").set_value("Coordinate").run()
    drawn.text_input(key="reader_study.name").set_value("Pilot")
    drawn.number_input(key="reader_study.cases").set_value(2)
    next(one for one in drawn.button if one.label == "Draw the cases").click().run()
    key = Studies(folder).studies()[0].key
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["study_id", "text"])
    writer.writerows([one.study_id, "FINDINGS: Clear lungs."] for one in Studies(folder).cases(key))
    drawn.text_input(key="reader_study.source").set_value("Elsewhere")
    drawn.file_uploader(key="reader_study.csv").set_value(("reports.csv", table.getvalue().encode(), "text/csv")).run()
    drawn.button(key="reader_study.import").click().run()

    assert not drawn.exception
    assert not drawn.error
    assert "Elsewhere" in Studies(folder).study(key).sources


def test_pictures_are_those_of_the_data_set(folder, study):
    for case in Studies(folder).cases(study.key):
        pixels = np.asarray(PIL.Image.open(case.picture))
        assert pixels.shape == (64, 64)
        assert pixels.std() > 10
    assert not any("thumbnails" in told for told in study.design["told"])
