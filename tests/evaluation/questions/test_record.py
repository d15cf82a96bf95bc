import csv
from dataclasses import replace

import pytest

from medxpert.errors import ConfigError
from medxpert.evaluation.questions.answered import Answered
from medxpert.evaluation.questions.record import write_asked, write_figures
from medxpert.evaluation.questions.score import score
from medxpert.exchange import Question, Reply
from medxpert.phantom.questions import AskedPhantom

ASKED = AskedPhantom("s0", "p0", "", 'Is it "there", now?', "presence", "Edema", "", "", "presence 1", "yes", 0.25)
YES = Answered(
    ASKED, Question(ASKED.question, "presence", ("Edema",)), Reply("", "Yes.", 0.9, (), True, "template", "yes")
)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_question_is_written_with_its_answer_and_truth(tmp_path):
    write_asked(tmp_path / "tables" / "asked.csv", "test", [YES], "credentialed")
    (row,) = rows(tmp_path / "tables" / "asked.csv")
    assert row["question"] == ASKED.question
    assert (row["answer"], row["value"], row["right"], row["policy"]) == ("yes", "yes", "True", "credentialed")
    assert (row["understood_kind"], row["understood_observations"]) == ("presence", "Edema")


def test_a_split_takes_the_place_of_its_own_rows_only(tmp_path):
    path = tmp_path / "asked.csv"
    for split, count in (("test", 3), ("test_shift", 2), ("test", 1)):
        write_asked(path, split, [YES] * count, "open")
    assert sorted(row["split"] for row in rows(path)) == ["test", "test_shift", "test_shift"]


def test_rows_of_other_columns_are_not_kept(tmp_path):
    path = tmp_path / "asked.csv"
    path.write_text("split,a\nval,1\n")
    write_asked(path, "test", [YES], "open")
    assert [row["split"] for row in rows(path)] == ["test"]


def test_open_questions_are_neither_right_nor_wrong(tmp_path):
    write_asked(tmp_path / "a.csv", "test", [YES._replace(asked=replace(ASKED, kind="open"))], "open")
    assert rows(tmp_path / "a.csv")[0]["right"] == ""


def test_every_figure_has_a_row(tmp_path):
    write_figures(tmp_path / "f.csv", "val", score([YES], [YES], [ASKED]), "open")
    found = {(row["contender"], row["figure"], row["scope"]): row for row in rows(tmp_path / "f.csv")}
    assert found["ours", "accuracy", "presence"]["value"] == "1.0"
    assert found["chance", "accuracy", "presence"]["value"] == "1.0"
    assert found["ours", "accuracy", "presence: Edema"]["questions"] == "1"
    assert found["ours", "ece", "all"]["value"]
    assert {row["split"] for row in found.values()} == {"val"}


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "tables").write_text("")
    with pytest.raises(ConfigError):
        write_asked(tmp_path / "tables" / "asked.csv", "test", [YES], "open")
