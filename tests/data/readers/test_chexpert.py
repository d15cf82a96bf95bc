import shutil
from collections import Counter

import pytest
from trees.accounts import by_reader, everything, ids
from trees.chexpert import NUM, build, cases, of_split

from medxpert.data.prompts import prompt
from medxpert.data.readers.chexpert import read
from medxpert.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("chexpert"))


@pytest.fixture
def root(tree, tmp_path):
    """Return the root of a copy that may be damaged."""
    shutil.copytree(tree.arguments["data.root"], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_everything_by_construction(tree):
    studies, rejected = everything(read, tree.arguments["data.root"], policy="credentialed")
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    for split, own in studies.items():
        planned = [case for case in of_split(cases(), split) if not case.reason]
        for study, case in zip(own, planned, strict=True):
            assert (study.patient_id, study.split, study.source) == (case.patient_id, split, "chexpert")
            assert (study.text_kind, study.policy, study.findings) == ("prompt", "credentialed", "")
            assert study.impression == prompt(case.labels, case.study_id) != ""
            assert study.labels == case.labels
            assert [(i.path.stem, i.view) for i in study.images] == [(film.name, film.view) for film in case.films]
            assert [i.path.is_file() for i in study.images] == [film.state != "missing" for film in case.films]


def test_counts_of_whole_pictures(tree):
    assert [tree.counts[split][0] >= least for split, least in (("train", 30), ("val", 6), ("test", 6))] == [True] * 3
    states = {(c.study_id, film.name): film.state for c in cases() for film in c.films}
    studies, _ = everything(read, tree.arguments["data.root"])
    for split, own in studies.items():
        kept = [s for s in own for i in s.images if states[s.study_id, i.path.stem] == "whole"]
        assert tree.counts[split] == (len({s.study_id for s in kept}), len(kept), len({s.patient_id for s in kept}))


@pytest.mark.parametrize("options", [{"full": True}, {"ending": ".png"}, {"full": True, "ending": ".png"}])
def test_layouts(tmp_path, options):
    tree = build(tmp_path, **options)
    studies, rejected = everything(read, str(tmp_path))
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    assert [i.path.is_file() for s in studies["val"] for i in s.images] == [True] * (NUM["val"] + 1)
    assert sum(not i.path.is_file() for s in studies["train"] for i in s.images) == 2


def test_root_is_the_data_set_itself(tree, root):
    (inner,) = root.iterdir()
    assert ids(everything(read, str(inner))[0]) == tree.ids


def test_official_test_set(tmp_path):
    tree = build(tmp_path, has_test=True)
    studies, rejected = everything(read, str(tmp_path), seed=7)
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    assert [image.view for study in studies["test"] for image in study.images] == [""] * 6
    assert all(image.path.is_file() for study in studies["test"] for image in study.images)


def test_val_is_drawn_from_train_by_patient(tree):
    root = tree.arguments["data.root"]
    patients = {
        seed: {split: {s.patient_id for s in own} for split, own in everything(read, root, seed=seed)[0].items()}
        for seed in range(3)
    }
    assert all(not own["train"] & own["val"] and not own["train"] & own["test"] for own in patients.values())
    assert len({frozenset(own["val"]) for own in patients.values()}) == 3
    assert len({frozenset(own["test"]) for own in patients.values()}) == 1
    assert len({frozenset(own["train"] | own["val"]) for own in patients.values()}) == 1


def test_leak_options(tmp_path):
    build(tmp_path, same_image=True, shared_patient=True)
    studies, _ = everything(read, str(tmp_path))
    pictures = {
        s: {i.path.read_bytes() for x in own for i in x.images if i.path.is_file()} for s, own in studies.items()
    }
    assert len(pictures["train"] & pictures["test"]) == 1
    assert len({s.patient_id for s in studies["train"]} & {s.patient_id for s in studies["test"]}) == 1


def test_patient_without_folder_is_left_to_decoding(root):
    shutil.rmtree(next(root.glob(f"*/valid/{of_split(cases(), 'test')[3].patient_id}")))
    studies, _ = everything(read, str(root))
    study = studies["test"][3]
    assert study.images[0].path == next(root.iterdir()) / f"valid/{study.patient_id}/study1/view1_frontal.jpg"
    assert not study.images[0].path.exists()


def rewritten(root, name, text):
    path = next(root.glob(f"*/{name}"))
    path.write_text(text)


def no_pictures(root):
    shutil.rmtree(next(root.glob("*/train")))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: next(root.glob("*/train.csv")).unlink(),
            r"data\.root=.*: expected train\.csv, found CheXpert-v1\.0-small/",
        ),
        (lambda root: next(root.glob("*/valid.csv")).unlink(), r"data\.root=.*: expected valid\.csv, found"),
        (lambda root: rewritten(root, "train.csv", ""), r"train\.csv: expected a column Path, found an empty file"),
        (
            lambda root: rewritten(root, "train.csv", "image,Edema\n1,1\n"),
            r"expected a column Path, found image, Edema",
        ),
        (lambda root: rewritten(root, "train.csv", 'Path,Edema\n"a,1\n'), r"train\.csv:2: broken quotes"),
        (
            no_pictures,
            r"expected train/patient00001/study1/view1_frontal\.jpg, found CheXpert-v1\.0-small/; point data\.root",
        ),
    ],
)
def test_broken_trees(root, damage, message):
    damage(root)
    with pytest.raises(DataError, match=message):
        read("train", str(root))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "valid"}, "expected one of train, val, test, found 'valid'"),
        ({"root": "/nowhere"}, "data.root=/nowhere: expected a folder, found nothing"),
        ({"policy": "secret"}, "found 'secret'; change data.policy"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        read(**{"split": "train", "root": tree.arguments["data.root"]} | options)
