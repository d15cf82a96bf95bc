import csv
import json
from types import SimpleNamespace

import pytest

from medxpert.errors import ConfigError
from medxpert.evaluation.questions import part
from medxpert.evaluation.questions.answered import true_verdicts
from medxpert.evaluation.questions.part import check_askable, questions_of
from medxpert.evaluation.source import open_split
from medxpert.evidence.rule import Rule
from medxpert.phantom.facts import films_of


@pytest.fixture
def all_knowing(monkeypatch):
    """Have evidence that knows what the images show, and remember whose cases it was told to leave out."""
    told = SimpleNamespace(traces=[], cases=None)

    def of_images(vectors, traces):
        told.traces = list(traces)
        cases = told.cases
        for film in films_of(cases.study_ids, cases.patient_ids, cases.truths):
            yield SimpleNamespace(verdicts=true_verdicts(film))

    monkeypatch.setattr(part, "verified", lambda folder: {"encoder": "after"})
    monkeypatch.setattr(part, "Gallery", lambda run, encoder, as_trained: setattr(told, "as_trained", as_trained))
    monkeypatch.setattr(part, "Evidence", lambda run, gallery, rule: SimpleNamespace(of_images=of_images))
    return told


def test_evidence_that_knows_all_answers_all_that_is_understood(make_run, all_knowing, tmp_path):
    run = make_run()
    subject = open_split(run, "test", "untrained")
    all_knowing.cases = subject.cases
    found = questions_of(run, Rule(), tmp_path / "tables", 0, subject)
    assert found.place == ("questions", "test")
    assert found.figures["accuracy"]["ours"] == found.figures["accuracy"]["told the truth"]
    assert found.figures["accuracy"]["ours"]["presence"]["value"] > 0.95
    assert [one.patient_ids for one in all_knowing.traces] == [(one,) for one in subject.cases.patient_ids]
    assert all_knowing.as_trained  # what a run is measured by does not change with what is added to it
    json.dumps(found.figures, allow_nan=False)
    assert found.blocks[0].title == "questions"


def test_questions_and_figures_are_written_with_the_strictest_policy(make_run, all_knowing, tmp_path):
    run = make_run()
    subject = open_split(run, "test", "untrained")
    all_knowing.cases = subject.cases
    questions_of(run, Rule(), tmp_path, 0, subject)
    for name in ("questions.csv", "questions_asked.csv"):
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert {row["policy"] for row in rows} == {"credentialed"}
        assert {row["split"] for row in rows} == {"test"}
    assert {row["study"] for row in rows} <= set(subject.cases.study_ids)


def test_studies_that_were_trained_on_are_not_asked_about(make_run):
    run = make_run()
    check_askable(run, "test")
    with pytest.raises(ConfigError, match="nobody trained on"):
        check_askable(run, "train")
    with pytest.raises(ConfigError, match="split=gone"):
        check_askable(run, "gone")


def test_studies_whose_truth_nobody_knows_are_told(make_run, tmp_path):
    run = make_run(truths=False)
    told = "0 of the 30 studies of split=test are phantom studies"
    with pytest.raises(ConfigError, match=told):
        check_askable(run, "test")
    with pytest.raises(ConfigError, match=told):
        questions_of(run, Rule(), tmp_path, 0, open_split(run, "test", "untrained"))
