import shutil
from collections import Counter

import pytest
from trees.accounts import by_reader, everything, ids
from trees.nih_cxr14 import NUM, build, cases, of_split

from medxpert.data.prompts import prompt
from medxpert.data.readers.nih_cxr14 import NAMES, read
from medxpert.errors import ConfigError, DataError
from medxpert.ontology import OBSERVATIONS
from medxpert.words import SPLITS, Rejected, Study

OUTSIDE = ("Enlarged Cardiomediastinum", "Fracture", "Support Devices")
ZEROS = {name: 0 for name in OBSERVATIONS if name not in OUTSIDE}
LABELS = {
    "No Finding": {"No Finding": 1},
    "Effusion|Infiltration": {"Pleural Effusion": 1, "Lung Opacity": 1},
    "Mass": {"Lung Lesion": 1},
    "Hernia": {},
    "Pleural_Thickening": {"Pleural Other": 1},
    "Cardiomegaly|Edema": {"Cardiomegaly": 1, "Edema": 1},
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("nih"))


@pytest.fixture
def root(tree, tmp_path):
    """Return the root of a copy that may be damaged."""
    shutil.copytree(tree.arguments["data.root"], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_everything_by_construction(tree):
    studies, rejected = everything(read, tree.arguments["data.root"], policy="open")
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    for split, own in studies.items():
        planned = [case for case in of_split(cases(), split) if not case.reason]
        for study, case in zip(own, planned, strict=True):
            assert (study.patient_id, study.split, study.source) == (str(case.patient), split, "nih_cxr14")
            assert (study.text_kind, study.policy, study.findings) == ("prompt", "open", "")
            assert study.labels == ZEROS | LABELS[case.findings]
            named = dict.fromkeys(case.findings.split("|"), 1)
            assert study.impression == prompt(dict.fromkeys(NAMES, 0) | named, case.study_id)
            (image,) = study.images
            assert image.view == case.view
            if case.state != "missing":
                folder = f"images_{case.number % 12 + 1:03d}/images"
                assert str(image.path) == f"{tree.arguments['data.root']}/{folder}/{case.study_id}.png"
            else:
                assert not image.path.exists()


def test_texts_name_what_the_14_cannot(tree):
    texts = {study.impression for study in read("train", tree.arguments["data.root"]) if isinstance(study, Study)}
    assert any("hiatal hernia" in text.lower() for text in texts)


def test_counts_of_whole_pictures(tree):
    assert [tree.counts[split][0] >= least for split, least in (("train", 30), ("val", 6), ("test", 6))] == [True] * 3
    states = {case.study_id: case.state for case in cases()}
    studies, _ = everything(read, tree.arguments["data.root"])
    for split, own in studies.items():
        kept = [study for study in own if states[study.study_id] == "whole"]
        assert tree.counts[split] == (len(kept), len(kept), len({study.patient_id for study in kept}))


@pytest.mark.parametrize(
    "options", [{"flat": True}, {"ending": ".jpg"}, {"ending": ".jpg", "flat": True}, {"table": "Data_Entry_2017.csv"}]
)
def test_layouts(tmp_path, options):
    tree = build(tmp_path, **options)
    studies, rejected = everything(read, str(tmp_path))
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    assert [sum(not s.images[0].path.is_file() for s in own) for own in studies.values()] == [1, 0, 1]


def test_images_folder(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("pictures")
    for path in list(root.glob("images_*/images/*.png")):
        path.rename(elsewhere / path.name)
    studies, _ = everything(read, str(root), images=str(elsewhere))
    assert [study.images[0].path.parent for study in studies["val"]] == [elsewhere] * (NUM["val"] - 1)
    assert all(study.images[0].path.is_file() for study in studies["val"])


def test_root_further_up(tree, tmp_path):
    shutil.copytree(tree.arguments["data.root"], tmp_path / "CXR8/data")
    studies, _ = everything(read, str(tmp_path))
    assert ids(studies) == tree.ids
    assert all(study.images[0].path.is_file() for study in studies["val"])


def test_val_is_drawn_from_train_val_by_patient(tree):
    root = tree.arguments["data.root"]
    read_by_seed = {seed: everything(read, root, seed=seed)[0] for seed in range(3)}
    patients = {
        seed: {split: {study.patient_id for study in own} for split, own in studies.items()}
        for seed, studies in read_by_seed.items()
    }
    assert all(not own["train"] & own["val"] and not own["train"] & own["test"] for own in patients.values())
    assert len({frozenset(own["val"]) for own in patients.values()}) == 3
    assert len({frozenset(own["test"]) for own in patients.values()}) == 1


def test_what_no_split_owns_is_reported_with_train(tree):
    reasons = {
        split: Counter(i.reason for i in read(split, tree.arguments["data.root"]) if isinstance(i, Rejected))
        for split in SPLITS
    }
    assert reasons["test"] == {"not in metadata": 1}
    assert reasons["val"] == {}
    assert reasons["train"]["not in metadata"] == 2
    assert reasons["train"]["in no split list"] == 1


def test_leak_options(tmp_path):
    build(tmp_path, same_image=True, shared_patient=True)
    studies, _ = everything(read, str(tmp_path))
    files = {split: [i.path for study in own for i in study.images] for split, own in studies.items()}
    pictures = {split: {path.read_bytes() for path in own if path.is_file()} for split, own in files.items()}
    assert len(pictures["train"] & pictures["test"]) == 1
    assert len({s.patient_id for s in studies["train"]} & {s.patient_id for s in studies["test"]}) == 1


def no_pictures(root):
    for path in root.glob("images_*"):
        shutil.rmtree(path)


def both_lists(root):
    with (root / "test_list.txt").open("a") as file:
        file.write(f"\n{cases()[0].study_id}.png\n")


def rewritten(root, text):
    (root / "Data_Entry_2017_v2020.csv").write_text(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: (root / "Data_Entry_2017_v2020.csv").unlink(),
            r"expected Data_Entry_2017_v2020\.csv.*, found images",
        ),
        (
            lambda root: (root / "test_list.txt").unlink(),
            r"data\.root=.*: expected test_list\.txt, found Data_Entry_2017",
        ),
        (lambda root: (root / "train_val_list.txt").unlink(), r"data\.root=.*: expected train_val_list\.txt, found"),
        (
            lambda root: (root / "test_list.txt").write_bytes(b"\xff\xff"),
            r"test_list\.txt: expected one image name a line",
        ),
        (both_lists, r"test_list\.txt: 1 images stand in train_val_list\.txt, too \(0000"),
        (
            no_pictures,
            r"expected images_001/images/00000001_000\.png, found Data_Entry.*; point data\.root at the pictures",
        ),
        (
            lambda root: rewritten(root, ""),
            "expected a column Image Index, Finding Labels, Patient ID, found an empty file",
        ),
        (
            lambda root: rewritten(root, "Image Index,Patient ID\n1,1\n"),
            "expected a column Finding Labels, found Image",
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
        ({"split": "train_val"}, "expected one of train, val, test, found 'train_val'"),
        ({"root": "/nowhere"}, "data.root=/nowhere: expected a folder, found nothing"),
        ({"images": "/nowhere"}, "data.images=/nowhere: expected a folder, found nothing"),
        ({"policy": "secret"}, "found 'secret'; change data.policy"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        read(**{"split": "train", "root": tree.arguments["data.root"]} | options)
