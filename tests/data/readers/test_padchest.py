import json
from pathlib import Path

import pytest
from trees.padchest import NORMAL, TABLE, build, cases
from trees.tally import taken

from medxpert.data.readers import padchest
from medxpert.data.readers.padchest import read
from medxpert.errors import ConfigError, DataError
from medxpert.ontology import OBSERVATIONS
from medxpert.words import SPLITS, Study


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("padchest"))


def studies(tree, split="train", **options):
    found = read(split, tree.arguments["data.root"], **options)
    return {item.study_id: item for item in found if isinstance(item, Study)}


def told(report):
    return report.replace(" .", ".")


@pytest.mark.parametrize("flat", [False, True])
def test_accounts(tmp_path, flat):
    tree = build(tmp_path, flat)
    assert taken(read, tree) == tree
    assert tree.counts["train"][0] >= 30
    assert min(tree.counts["val"][0], tree.counts["test"][0]) >= 6


def test_content(tree):
    for split in SPLITS:
        found = studies(tree, split)
        for case in cases():
            if case.split == split and case.is_kept:
                study = found[case.study_id]
                assert (study.findings, study.impression, study.patient_id) == (told(case.report), "", case.patient_id)
                assert (study.source, study.policy, study.text_kind) == ("padchest", "credentialed", "report")
                views = [film.view for film in case.films if film.projection != "COSTAL"]
                assert [image.view for image in study.images] == views


def test_labels(tree):
    normal, unchanged, device, unlabelled = list(studies(tree).values())[:4]
    usual = studies(tree)[cases()[14].study_id]
    assert normal.findings == told(NORMAL)
    assert normal.labels == dict.fromkeys(OBSERVATIONS, 0) | {"No Finding": 1}
    assert unchanged.labels == unlabelled.labels == {}
    assert device.labels == {name: int(name == "Support Devices") for name in OBSERVATIONS if name != "No Finding"}
    assert usual.labels == dict.fromkeys(OBSERVATIONS, 0) | {"Cardiomegaly": 1, "Pleural Effusion": 1}


def test_prompts_instead_of_spanish(tree):
    found = studies(tree, prompts=True)
    study = found[cases()[14].study_id]
    assert "cardiomegaly and pleural effusion." in study.impression.lower()
    assert (study.findings, study.text_kind) == ("", "prompt")
    assert cases()[1].study_id not in found
    assert cases()[4].study_id in found


def test_mapped_labels_are_of_the_ontology():
    book = json.loads(Path(padchest.__file__).with_name("padchest_labels.json").read_text())
    assert set(book) == set(OBSERVATIONS)
    assert all(name == name.lower().strip() for own in book.values() for name in own)


def test_a_patient_stays_in_one_split(tree):
    patients = [{study.patient_id for study in studies(tree, split).values()} for split in SPLITS]
    assert sum(map(len, patients)) == len(set.union(*patients))
    assert set(studies(tree, "val", seed=1)) != set(studies(tree, "val"))


def test_images_elsewhere(tree, tmp_path):
    (tmp_path / TABLE).write_text("ImageID,ImageDir,StudyID,PatientID,ViewPosition_DICOM,Projection,Report,Labels\n")
    (tmp_path / TABLE).open("a").write("a.png,3,s,8408684176001,,PA,bien .,\n")
    for folder in ("images", "films/3"):
        (tmp_path / folder).mkdir(parents=True)
    for images, expected in ((None, "images/a.png"), (str(tmp_path / "films"), "films/3/a.png")):
        items = [item for split in SPLITS for item in read(split, str(tmp_path), images=images)]
        assert [item.images[0].path for item in items] == [tmp_path / expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "expected one of train, val, test, found 'all'"),
        ({"root": "/nowhere"}, "data.root=/nowhere: expected a folder, found nothing"),
        ({"images": "/nowhere"}, "data.images=/nowhere: expected a folder, found nothing"),
        ({"policy": "secret"}, "found 'secret'"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        read(**({"split": "train", "root": tree.arguments["data.root"]} | options))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"expected PADCHEST_chest_x_ray_images_labels_160K_\*.csv or .*found notes/; point data.root"),
        ("ImageID,Labels\n", "expected a column ImageDir, StudyID, .*found ImageID, Labels"),
        ("", "found an empty file"),
    ],
)
def test_wrong_root(tmp_path, text, message):
    (tmp_path / "notes").mkdir()
    if text is not None:
        (tmp_path / TABLE).write_text(text)
    with pytest.raises(DataError, match=message):
        read("train", str(tmp_path))
