import pytest
from trees.tally import taken
from trees.vindr import LABELS, build, cases

from medxpert.data.readers.vindr import _names, read, vote
from medxpert.errors import ConfigError, DataError
from medxpert.ontology import is_abnormal, observation
from medxpert.words import Study


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("vindr"))


def studies(tree, split="train", **options):
    found = read(split, tree.arguments["data.root"], **options)
    return {item.study_id: item for item in found if isinstance(item, Study)}


def test_accounts(tree):
    assert taken(read, tree) == tree
    assert tree.counts["train"][0] >= 30
    assert min(tree.counts["val"][0], tree.counts["test"][0]) >= 6


def test_three_readers_vote(tree):
    found = list(studies(tree).values())
    assert found[0].labels["Cardiomegaly"] == 1
    assert (found[0].labels["Fracture"], found[0].labels["Edema"], found[0].labels["No Finding"]) == (-1, 0, 0)
    assert found[1].labels["Lung Lesion"] == found[1].labels["Lung Opacity"] == 1
    assert found[2].labels["No Finding"] == 1
    assert not is_abnormal(found[2].labels)


@pytest.mark.parametrize(
    ("marks", "labels"),
    [
        ([1, 1, 0], 1),
        ([1, 0, 0], -1),
        ([0, 0, 0], 0),
        ([1], 1),
        ([1, 0], -1),
    ],
)
def test_vote(marks, labels):
    assert vote([{"Edema": mark} for mark in marks]) == {"Edema": labels}


def test_no_finding_is_never_uncertain():
    assert vote([{"No Finding": 1}, {"No Finding": 0}, {"No Finding": 0}]) == {"No Finding": 0}


def test_text_is_a_prompt_from_the_labels(tree):
    for split in ("train", "val", "test"):
        for study in studies(tree, split).values():
            assert study.text_kind == "prompt"
            assert study.impression
            assert (study.patient_id, study.source, study.policy) == ("", "vindr", "credentialed")
            assert study.images[0].view == "PA"
    first = next(iter(studies(tree).values()))
    assert "ardiomegaly" in first.impression
    assert "racture" in first.impression


def test_val_is_drawn_from_train_and_moves_with_the_seed(tree):
    names = {case.name for case in cases() if case.split != "test"}
    train, val = set(studies(tree)), set(studies(tree, "val"))
    assert train | val == names
    assert set(studies(tree, "val", seed=1)) != val
    assert set(studies(tree, "test", seed=1)) == set(studies(tree, "test"))


def test_every_published_label_is_known():
    assert set(LABELS) <= set(_names())
    for name in _names().values():
        assert name is None or observation(name) is not None or name in ("Emphysema", "Fibrosis")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "expected one of train, val, test, found 'all'"),
        ({"root": "/nowhere"}, "data.root=/nowhere: expected a folder, found nothing"),
        ({"policy": "secret"}, "found 'secret'"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        read(**({"split": "train", "root": tree.arguments["data.root"]} | options))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, r"expected annotations/image_labels_train.csv, found notes/"),
        ("image_id,rad_id,Edema\n1,R8,1\n", r"expected train/\*.dicom or train/\*.dcm or .*found annotations/, notes/"),
    ],
)
def test_wrong_root(tmp_path, table, message):
    (tmp_path / "notes").mkdir()
    if table:
        (tmp_path / "annotations").mkdir()
        (tmp_path / "annotations" / "image_labels_train.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        read("train", str(tmp_path))


def test_table_without_labels(tmp_path):
    for name, text in (("annotations/image_labels_test.csv", "image_id,age\n1,50\n"), ("test/1.dcm", "")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match="expected label columns such as Cardiomegaly, found image_id, age"):
        read("test", str(tmp_path))


def test_converted_pictures(tmp_path):
    for name, text in (("annotations/image_labels_test.csv", "image_id,Edema\nx,1\n"), ("test/y.png", "")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    (study,) = read("test", str(tmp_path))
    assert study.images[0].path == tmp_path / "test" / "x.png"
