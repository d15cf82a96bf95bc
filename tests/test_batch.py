"""A folder of images: one row each, nothing lost, nothing done twice."""

import csv
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from medxpert.assistant import Answer
from medxpert.batch import Batch, found
from medxpert.batch_table import recovered
from medxpert.errors import ConfigError, DataError
from medxpert.images.errors import ImageError
from medxpert.indexes.own import Traces
from medxpert.querying import Query
from medxpert.reporting import Code, Diagnosis, Finding, Report

REPORT = Report(
    technique="One radiograph.",
    comparison="None.",
    findings=(
        Finding("Pleural Effusion", "present", "There is a small left pleural effusion.", "left", "mild", (), "weak"),
        Finding("Edema", "absent", "No edema.", support="unsupported"),
    ),
    impression=("Small left", "pleural effusion."),
    diagnoses=(Diagnosis("Pleural effusion", (Code("J90", "Pleural effusion", True),)),),
    limitations=(),
    reporter="template",
)


def judging(fitted):
    return SimpleNamespace(abstainer=SimpleNamespace(fitted=fitted))


@dataclass
class Assistant:
    """Answers all but broken pictures; may be interrupted."""

    policy: str = "private"
    made: dict = field(default_factory=lambda: {"run": "r"})
    report: Report = REPORT
    asked: list[str] = field(default_factory=list)
    stop_at: str = ""
    dry_run: bool = False
    evidence: SimpleNamespace = field(default_factory=lambda: judging(False))

    def ask_image(self, path, shown):
        if path.name == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(path.name)
        if path.stat().st_size < 10:
            raise ImageError(f"{path.name}: expected a picture,\nfound nothing", "image broken")
        return Answer(Query(str(path), "", Traces(), b"", pixels=np.zeros((1, 1))), "both", (), self.report, (), "open")

    def tokens(self, paths):
        return 0

    def made_with(self):
        return self.made


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.png", "=b.PNG", "deeper/c.jpg", ".hidden.png"):
        PIL.Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / name)
    (folder / "broken.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("no picture")
    (folder / "scan").write_bytes(bytes(128) + b"DICM" + bytes(20))
    return folder


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "reports.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_pictures_are_found_at_any_depth_by_name_or_content(films):
    names = [path.relative_to(films).as_posix() for path in found(films)]
    assert names == ["=b.PNG", "a.png", "broken.png", "deeper/c.jpg", "scan"]


def test_one_row_per_image_and_a_broken_one_says_why(films, tmp_path):
    assert Batch(Assistant(), films, tmp_path / "out").run() == ""
    table = {row["image"]: row for row in rows(tmp_path / "out")}
    assert set(table) == {"'=b.PNG", "a.png", "broken.png", "deeper/c.jpg", "scan"}
    one = table["a.png"]
    assert (one["present"], one["absent"], one["icd10"]) == (
        "mild left Pleural Effusion [weak]",
        "Edema [unsupported]",
        "J90",
    )
    assert (one["impression"], one["unsupported"], one["weak"]) == ("Small left pleural effusion.", "1", "1")
    assert table["broken.png"]["error"] == "broken.png: expected a picture, found nothing"
    assert table["broken.png"]["present"] == ""


@pytest.mark.parametrize(
    ("fitted", "told"),
    [
        (False, "no image checked for being none that the model knows"),
        (True, "0 images refused as none the model knows"),
    ],
)
def test_it_is_told_how_many_were_refused_where_any_could_be(films, tmp_path, caplog, fitted, told):
    caplog.set_level("INFO")
    Batch(Assistant(evidence=judging(fitted)), films, tmp_path / "out").run()
    assert f"4 reports, {told}, 1 unreadable" in caplog.text


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_interrupted_batch_goes_on_behind_its_last_whole_row(films, tmp_path, kind):
    output = tmp_path / "out"
    first = Assistant(stop_at="c.jpg")
    with pytest.raises(KeyboardInterrupt):
        Batch(first, films, output, kind).run()
    with (output / f"reports.{kind}").open("a") as file:
        file.write('{"image": "deeper/c.jp')
    second = Assistant()
    Batch(second, films, output, kind).run()
    assert first.asked == ["=b.PNG", "a.png", "broken.png"]
    assert second.asked == ["broken.png", "c.jpg", "scan"]
    assert len((output / f"reports.{kind}").read_text().splitlines()) == 5 + (kind == "csv")
    third = Assistant()
    Batch(third, films, output, kind).run()
    assert third.asked == ["broken.png"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_interrupted_at_the_first_image_it_begins_anew_with_one_header(films, tmp_path, kind):
    with pytest.raises(KeyboardInterrupt):
        Batch(Assistant(stop_at="=b.PNG"), films, tmp_path / "out", kind).run()
    Batch(Assistant(), films, tmp_path / "out", kind).run()
    assert len((tmp_path / "out" / f"reports.{kind}").read_text().splitlines()) == 5 + (kind == "csv")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_the_template_wrote_in_anothers_place_is_written_again(films, tmp_path, kind):
    report = replace(REPORT, fallback_reason="server down")
    assert Batch(Assistant(report=report), films, tmp_path / "out", kind).run() == "server down"
    mended = Assistant()
    assert Batch(mended, films, tmp_path / "out", kind).run() == ""
    assert mended.asked == ["=b.PNG", "a.png", "broken.png", "c.jpg", "scan"]
    assert len((tmp_path / "out" / f"reports.{kind}").read_text().splitlines()) == 5 + (kind == "csv")


def test_a_dry_run_looks_at_one_image_and_writes_nothing(films, tmp_path):
    dry = Assistant(dry_run=True)
    assert Batch(dry, films, tmp_path / "out").run() == ""
    assert dry.asked == ["=b.PNG"]
    assert list((tmp_path / "out").iterdir()) == []


def test_names_that_are_no_text(films, tmp_path):
    folder = os.fsencode(films / "deeper")
    os.rename(folder + b"/c.jpg", folder + b"/\xff.jpg")
    Batch(Assistant(), films, tmp_path / "out").run()
    assert "deeper/\\xff.jpg" in {row["image"] for row in rows(tmp_path / "out")}
    again = Assistant()
    Batch(again, films, tmp_path / "out").run()
    assert again.asked == ["broken.png"]


def test_jsonl_holds_whole_reports(films, tmp_path):
    Batch(Assistant(), films, tmp_path / "out", "jsonl").run()
    lines = [json.loads(line) for line in (tmp_path / "out" / "reports.jsonl").read_text().splitlines()]
    assert {line["image"] for line in lines} == {"=b.PNG", "a.png", "broken.png", "deeper/c.jpg", "scan"}
    assert lines[1]["findings"][0]["observation"] == "Pleural Effusion"
    assert "findings" not in next(line for line in lines if line["error"])


def test_reports_of_two_kinds_are_not_mixed(films, tmp_path):
    Batch(Assistant(), films, tmp_path / "out").run()
    with pytest.raises(ConfigError, match=r"made otherwise \(reporter\); give another output="):
        Batch(Assistant(made={"run": "r", "reporter": "x"}), films, tmp_path / "out").run()


def test_why_another_reporter_wrote_is_returned(films, tmp_path):
    report = replace(REPORT, fallback_reason="no key")
    assert Batch(Assistant(report=report), films, tmp_path / "out").run() == "no key"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda films: films / "nowhere", ConfigError, "is no folder"),
        (lambda films: films / "a.png", ConfigError, "is no folder"),
        (lambda films: films / "empty", DataError, "holds no image"),
        (lambda films: films / "bad", DataError, "not one of 1 images could be read"),
    ],
)
def test_folders_that_cannot_be_reported_on(films, tmp_path, change, error, message):
    (films / "empty").mkdir()
    (films / "bad").mkdir()
    (films / "bad" / "x.png").write_bytes(b"x")
    with pytest.raises(error, match=message):
        Batch(Assistant(), change(films), tmp_path / "out").run()


def test_unknown_format(films, tmp_path):
    with pytest.raises(ConfigError, match="format=xlsx: expected one of csv, jsonl"):
        Batch(Assistant(), films, tmp_path / "out", "xlsx")


def test_a_table_of_somebody_else_is_left_alone(tmp_path):
    table = tmp_path / "reports.csv"
    table.write_text("name,age\nx,3\n")
    with pytest.raises(DataError, match="holds no reports of ours"):
        recovered(table, "csv")
    assert table.read_text() == "name,age\nx,3\n"
