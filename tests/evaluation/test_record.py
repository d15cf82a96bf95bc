import csv
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.record import count_look, write_answers, write_metrics


@pytest.fixture
def result(make_run):
    return measure_run(make_run(), "test", "untrained")


def test_other_splits_stay(result, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"policy": "open", "looks": {}, "adapted": {"val": {"kept": 1}, "test": {"old": 1}}}))
    write_metrics(path, result, "private")
    document = json.loads(path.read_text())
    assert document["policy"] == "private"
    assert document["adapted"]["val"] == {"kept": 1}
    assert "old" not in document["adapted"]["test"]
    assert document["looks"] == {}


def test_looks_are_counted_per_split(tmp_path):
    path = tmp_path / "metrics.json"
    assert [count_look(path, split, "open") for split in ("test", "test", "test_shift")] == [1, 2, 1]
    assert json.loads(path.read_text()) == {"policy": "open", "looks": {"test": 2, "test_shift": 1}}


@pytest.mark.parametrize(
    ("before", "new", "after"), [("private", "open", "private"), ("open", "credentialed", "credentialed")]
)
def test_the_strictest_policy_stays(result, tmp_path, before, new, after):
    for number, write in enumerate((partial(count_look, split="test"), partial(write_metrics, result=result))):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"policy": before}))
        write(path, policy=new)
        assert json.loads(path.read_text())["policy"] == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "expected an object, found list"),
        ('{"looks": 3}', "expected looks to be an object of counts, found 3"),
        ('{"looks": {"test": "many"}}', "expected looks to be an object of counts"),
        ('{"policy": "secret"}', "expected a policy of open, credentialed, private, found 'secret'"),
        ('{"policy": ["open"]}', "expected a policy of open"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_broken_metrics(result, tmp_path, text, message):
    path = tmp_path / "metrics.json"
    path.write_text(text)
    for write in (partial(count_look, split="test"), partial(write_metrics, result=result)):
        with pytest.raises(DataError, match=message) as caught:
            write(path, policy="open")
        assert "\n" not in str(caught.value)
    assert path.read_text() == text


def test_every_share_lies_between_zero_and_one(result, tmp_path):
    write_metrics(tmp_path / "metrics.json", result, "open")
    adapted = json.loads((tmp_path / "metrics.json").read_text())["adapted"]["test"]
    for direction in ("image_to_text", "text_to_image"):
        for cells in adapted[direction].values():
            assert all(0 <= cell[end] <= 1 for cell in cells.values() for end in ("value", "low", "high"))


def test_answers_are_the_nearest(result, tmp_path):
    write_answers(tmp_path / "top.csv", result, "credentialed")
    with (tmp_path / "top.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 10 * len(result.cases)
    assert {row["policy"] for row in rows} == {"credentialed"}
    first = [row for row in rows if row["rank"] == "1"]
    assert all(row["query_study"] == row["hit_study"] and row["correct"] == "True" for row in first)
    assert rows[0]["query_text"] == result.cases.texts[0]


def test_each_direction_asks_with_its_own_vectors(result, tmp_path):
    image, text = (array.astype(np.float32) for array in result.subject.vectors["untrained"])
    lost = replace(result.subject, vectors={"adapted": result.subject.vectors["untrained"]})
    write_answers(tmp_path / "top.csv", replace(result, subject=lost), "open")
    with (tmp_path / "top.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for direction, cosines in (("image_to_text", text @ image[0]), ("text_to_image", image @ text[0])):
        scores = [float(row["score"]) for row in rows if row["direction"] == direction][:10]
        assert scores == pytest.approx(np.sort(cosines)[::-1][:10], abs=1e-5)


def test_figures_of_another_model_do_not_stay(result, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"protocol": {"X": {"test": {"a": 1}, "val": {"b": 2}}}, "looks": {"test": 3}}))
    write_metrics(path, result, "open")
    document = json.loads(path.read_text())
    assert document["protocol"] == {"X": {"val": {"b": 2}}}
    assert document["looks"] == {"test": 3}
