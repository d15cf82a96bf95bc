from pathlib import Path

import pytest

from medxpert.cases import Cases
from medxpert.evaluation.parts.leaks import alarms, compare_cases, leaks
from medxpert.evaluation.subject import Placed, Subject
from medxpert.ontology import MISSING


def cases(texts, labels=None, **columns):
    count = len(texts)
    known = {"study_id": [f"row {n}" for n in range(count)], "patient_id": [f"row {n}" for n in range(count)]}
    if labels is not None:
        known["labels"] = [[MISSING] * 2 + [label] + [MISSING] * 11 for label in labels]
    return Cases.of({"text": texts} | known | columns, Path("cases.csv"))


TRAIN = cases(
    ["Clear.", "Edema.", "Mass."],
    patient_id=["p1", "p2", "p3"],
    study_id=["s1", "s2", "s3"],
    image_hash=["h1", None, "h3"],
)


def relicensed(known, policy):
    columns = {name: known.column(name) for name in ("text", "study_id", "patient_id", "image_hash", "labels")}
    return Cases.of(columns | {"policy": [policy] * len(known)}, known.path)


def test_what_is_shared_is_counted_and_named_where_all_is_open():
    test = cases(
        ["clear. ", "clear.", "Other.", "edema."],
        labels=[0, 0, 1, 1],
        patient_id=["p2", "p3", "p3", "p9"],
        study_id=["s7", "s8", "s9", "s1"],
        image_hash=["h9", "h8", None, "h7"],
    )
    part = compare_cases(relicensed(TRAIN, "open"), relicensed(test, "open"), "test")
    assert part.place == ("leaks", "test")
    assert part.figures == {
        "patients": {"checked": True, "shared": 2, "of": 3, "first": ["p2", "p3"]},
        "study ids": {"checked": True, "shared": 1, "of": 4, "first": ["s1"]},
        "images": {"checked": True, "shared": 0, "of": 3, "first": []},
        "texts": {"value": 0.75, "abnormal": 0.5},
    }
    loud = alarms(part.figures)
    assert loud[0] == "LEAK: 2 of 3 patients of the split were trained on: its figures are too high."
    assert len(loud) == 2
    assert [row.cells[2].value for row in part.blocks[0].rows[:3]] == ["p2, p3", "s1", "none"]
    assert part.blocks[0].note == " ".join(loud)
    assert [row.kind for row in part.blocks[0].rows[:3]] == ["main", "main", "reference"]


@pytest.mark.parametrize("policies", [("open", "private"), ("credentialed", "open"), ("private", "private")])
def test_nobody_is_named_unless_all_is_open(policies):
    train, test = (relicensed(TRAIN, policy) for policy in policies)
    part = compare_cases(train, test, "test")
    assert part.figures["patients"] == {"checked": True, "shared": 3, "of": 3, "first": []}
    assert part.blocks[0].rows[0].cells[2].value == "not open: unnamed"
    assert not any(name in repr(part) for name in ("p1", "p2", "p3", "s1", "h1"))


def test_more_than_the_first_are_hinted_at():
    many = cases(["Clear."] * 4, patient_id=["p1", "p2", "p3", "p4"], policy=["open"] * 4)
    part = compare_cases(many, many, "test")
    assert part.blocks[0].rows[0].cells[2].value == "p1, p2, p3, ..."


def test_equal_texts_are_no_leak():
    part = compare_cases(TRAIN, cases(["Clear."], patient_id=["p9"], study_id=["s9"], image_hash=["h9"]), "val")
    assert alarms(part.figures) == []
    assert part.figures["texts"] == {"value": 1.0, "abnormal": None}
    assert part.blocks[0].note == "1 studies against 3 training studies"


def test_row_numbers_and_absent_hashes_are_not_compared():
    part = compare_cases(cases(["a", "b"]), cases(["c", "d"]), "test")
    assert not any(part.figures[name]["checked"] for name in ("patients", "study ids", "images"))
    assert alarms(part.figures) == []
    assert [row.cells[2].value for row in part.blocks[0].rows[:3]] == ["not checked: unknown"] * 3


@pytest.mark.parametrize("train", [None, Placed(TRAIN, {})])
def test_leaks_of_a_subject(train):
    subject = Subject("test", cases(["a"]), "model", None, {}, {}, train)
    found = leaks(subject)
    assert (found is None) == (train is None)
