import shutil
from collections import Counter

import pytest
from trees.accounts import arguments, by_reader, everything, ids
from trees.chexpert import of_split
from trees.chexpert_plus import NAME, build, planned_cases, text_of

from medxpert.data.readers import chexpert
from medxpert.data.readers.chexpert_plus import read
from medxpert.errors import ConfigError, DataError
from medxpert.text import clean
from medxpert.words import SPLITS, Study


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("plus"))


@pytest.fixture
def copy(tree, tmp_path):
    """Return the folder of a copy that may be damaged, and the arguments that read it."""
    shutil.copytree(tree.arguments["data.root"].removesuffix("/text"), tmp_path, dirs_exist_ok=True)
    return tmp_path, {"root": str(tmp_path / "text"), "images": str(tmp_path / "images")}


def test_everything_by_construction(tree):
    studies, rejected = everything(read, **arguments(tree))
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    for split, own in studies.items():
        planned = [case for case in of_split(planned_cases(), split) if not case.reason]
        for study, case in zip(own, planned, strict=True):
            text = text_of(case)
            assert (study.findings, study.impression) == (clean(text.findings), clean(text.impression))
            assert (study.patient_id, study.split, study.source) == (case.patient_id, split, "chexpert_plus")
            assert (study.text_kind, study.policy) == ("report", "private")
            assert [(i.path.stem, i.view) for i in study.images] == [(film.name, film.view) for film in case.films]
            assert [i.path.is_file() for i in study.images] == [film.state != "missing" for film in case.films]
    with_findings = sum(bool(study.findings) for study in studies["train"])
    assert 0 < with_findings < len(studies["train"]) / 2


def test_counts_of_whole_pictures(tree):
    assert [tree.counts[split][0] >= least for split, least in (("train", 30), ("val", 6), ("test", 6))] == [True] * 3
    states = {(c.study_id, film.name): film.state for c in planned_cases() for film in c.films}
    studies, _ = everything(read, **arguments(tree))
    for split, own in studies.items():
        kept = [s for s in own for i in s.images if states[s.study_id, i.path.stem] == "whole"]
        assert tree.counts[split] == (len({s.study_id for s in kept}), len(kept), len({s.patient_id for s in kept}))


@pytest.mark.parametrize("options", [{"ending": ".jpg"}, {"gzipped": True}, {"shuffled": 1}, {"labelled": False}])
def test_layouts(tmp_path, options):
    tree = build(tmp_path, **options)
    studies, rejected = everything(read, **arguments(tree))
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    assert sum(not i.path.is_file() for s in studies["train"] for i in s.images) == 2


def test_pictures_below_the_root(copy):
    folder, _ = copy
    assert ids(everything(read, root=str(folder))[0]) == ids(
        everything(read, root=str(folder), images=str(folder / "images"))[0]
    )


def test_labels(tree):
    planned = {case.study_id: case for case in planned_cases()}
    options = arguments(tree) | {"label_texts": False}
    for split in SPLITS:
        own = [study for study in read(split, **options) if isinstance(study, Study)]
        assert own
        assert all(study.labels == planned[study.study_id].labels for study in own)
    for labels, expected in (("impression", {"Edema": -1}), ("findings", {}), ("rules", {}), (None, {})):
        assert next(read("test", labels=labels, **options)).labels == expected
    assert next(read("test", labels="rules", **arguments(tree))).labels


def test_broken_labels_are_reported_once(tree):
    where = [i.where for i in everything(read, **arguments(tree))[1] if i.reason == "broken label"]
    lines = sum(len(case.films) for case in planned_cases())
    assert where == [f"report_fixed.json:{lines + number}" for number in (1, 2, 3)]


def test_val_patients_are_those_of_chexpert(tree):
    studies, _ = everything(read, **arguments(tree))
    assert {chexpert.held_out(study.patient_id, 0) for study in studies["val"]} == {"val"}
    assert {chexpert.held_out(study.patient_id, 0) for study in studies["train"]} == {"train"}
    moved = {study.patient_id for study in everything(read, seed=1, **arguments(tree))[0]["val"]}
    assert moved != {study.patient_id for study in studies["val"]}


def test_leak_options(tmp_path):
    tree = build(tmp_path, same_image=True, shared_patient=True)
    studies, _ = everything(read, **arguments(tree))
    files = {split: [i.path for study in own for i in study.images] for split, own in studies.items()}
    pictures = {split: {path.read_bytes() for path in own if path.is_file()} for split, own in files.items()}
    assert len(pictures["train"] & pictures["test"]) == 1
    assert len({s.patient_id for s in studies["train"]} & {s.patient_id for s in studies["test"]}) == 1


def rewritten(folder, text):
    (folder / "text" / NAME).write_text(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "text" / NAME).unlink(), r"data\.root=.*text: expected df_chexpert_plus_240401\.csv"),
        (lambda folder: rewritten(folder, ""), r"240401\.csv: expected a column path_to_image, split, found an empty"),
        (
            lambda folder: rewritten(folder, "path_to_image,report\na,b\n"),
            "expected a column split, found path_to_image",
        ),
        (lambda folder: rewritten(folder, 'path_to_image,split\n"a,train\n'), r"240401\.csv:2: broken quotes"),
        (
            lambda folder: shutil.rmtree(folder / "images/train"),
            r"data\.images=.*: expected train/patient00001/study1/view1_frontal\.jpg, found valid/; point data\.images",
        ),
    ],
)
def test_broken_trees(copy, damage, message):
    folder, options = copy
    damage(folder)
    with pytest.raises(DataError, match=message):
        read("train", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "valid"}, "expected one of train, val, test, found 'valid'"),
        ({"root": "/nowhere"}, "data.root=/nowhere: expected a folder, found nothing"),
        ({"images": "/nowhere"}, "data.images=/nowhere: expected a folder, found nothing"),
        ({"labels": "chexpert"}, "data.labels=chexpert: expected one of report, findings, impression, rules or null"),
        ({"policy": "secret"}, "found 'secret'; change data.policy"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        read(**{"split": "train"} | arguments(tree) | options)
