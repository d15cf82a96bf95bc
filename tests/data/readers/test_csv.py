import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from medxpert.data.readers.csv import read
from medxpert.errors import ConfigError, DataError
from medxpert.words import Rejected, Study

MANIFEST = Path(__file__).parents[4] / "shared" / "cxr" / "manifest.csv"


@pytest.fixture
def manifest(tmp_path):
    def write(text, name="manifest.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return str(path)

    return write


def studies(items):
    return [item for item in items if isinstance(item, Study)]


def rejected(items):
    return [(item.where, item.reason) for item in items if isinstance(item, Rejected)]


def test_every_column(manifest, tmp_path):
    path = manifest(
        "Image_Path,study_id,subject_id,Findings,impression,ViewPosition,split,Edema,Pleural_Effusion,No Finding,age\n"
        'a/1.png,s1,p1,"Clear, but wet.",Edema.,PA,train,1.0,-1,,50\n'
        'a/2.png,s1,p1,"Clear, but wet.",Edema.,LL,train,1.0,-1,,50\n'
        "/else/3.png,s2,p2,,Normal.,,validate,0,,1,60\n"
    )
    (study,) = read("train", path, policy="open")
    assert (study.study_id, study.patient_id, study.split, study.source) == ("s1", "p1", "train", "manifest")
    assert (study.findings, study.impression) == ("Clear, but wet.", "Edema.")
    assert study.labels == {"Edema": 1, "Pleural Effusion": -1}
    assert [(image.path, image.view) for image in study.images] == [
        (tmp_path / "a/1.png", "PA"),
        (tmp_path / "a/2.png", "LATERAL"),
    ]
    assert (study.policy, study.text_kind) == ("open", "report")
    (other,) = read("val", path, images=str(tmp_path))
    assert other.images[0].path == Path("/else/3.png")
    assert other.labels == {"No Finding": 1, "Edema": 0}
    assert other.policy == "private"
    assert list(read("test", path)) == []


def test_images_folder(manifest, tmp_path):
    (study,) = read("train", manifest("image,text,split\n1.png,Clear.,train\n"), images=str(tmp_path))
    assert study.images[0].path == tmp_path / "1.png"
    assert (study.study_id, study.patient_id, study.findings) == ("1.png", "", "Clear.")


def test_joined_labels_are_exhaustive_over_the_names_in_use(manifest):
    path = manifest(
        "image,text,Finding Labels,split\n"
        "1,a,Effusion|Mass,train\n2,b,No Finding,train\n3,c,,train\n4,d,Hernia,train\n5,e,Edema,test\n"
    )
    first, normal, unlabelled, hernia = read("train", path)
    zeros = {"No Finding": 0, "Edema": 0, "Lung Lesion": 0, "Pleural Effusion": 0}
    assert first.labels == zeros | {"Lung Lesion": 1, "Pleural Effusion": 1}
    assert normal.labels == zeros | {"No Finding": 1}
    assert unlabelled.labels == {}
    assert hernia.labels == zeros


def test_names_for_one_observation_merge(manifest):
    (study,) = read("train", manifest("image,text,split,Mass,Nodule,Infiltration,Lung Opacity\n1,a,train,0,1,0,-1\n"))
    assert study.labels == {"Lung Lesion": 1, "Lung Opacity": -1}


def test_prompts_replace_reports(manifest):
    path = manifest("image,text,finding_labels,split\n1,Report.,Effusion|Cardiomegaly,train\n2,Report.,,train\n")
    study, skipped = read("train", path, prompts=True)
    assert "cardiomegaly and pleural effusion." in study.impression.lower()
    assert (study.findings, study.text_kind) == ("", "prompt")
    assert skipped == Rejected("manifest.csv:3", "no label to write a prompt from")


def test_order_of_labels_does_not_depend_on_the_process(manifest):
    path = manifest("image,text,finding_labels,split\n1,a,Effusion|Mass|Edema|Pneumonia,train\n")
    code = (
        "import sys; from medxpert.data.readers.csv import read; print(list(next(read('train', sys.argv[1])).labels))"
    )

    def order(seed):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.check_output([sys.executable, "-c", code, path], env=environment)

    assert order("1") == order("2")


def by_hash(manifest, num_patients=400):
    rows = [f"{p}-{i}.png,text {p},p{p}" for i in range(2) for p in range(num_patients)]
    return manifest("image,text,patient_id\n" + "\n".join(rows))


def test_split_by_patient(manifest, caplog):
    caplog.set_level(logging.INFO)
    path = by_hash(manifest)
    patients = {split: {s.patient_id for s in read(split, path)} for split in ("train", "val", "test")}
    counts = Counter({split: len(own) for split, own in patients.items()})
    assert counts.total() == 400
    assert 290 < counts["train"] < 350
    assert min(counts["val"], counts["test"]) > 20
    assert f"train holds {counts['train']} of 400 patients by a hash (data.seed=0)" in caplog.text
    assert {s.patient_id for s in read("test", path, seed=1)} != patients["test"]


def test_split_by_study_without_patients(manifest, caplog):
    caplog.set_level(logging.INFO)
    assert len(list(read("train", manifest("image,text,study_id\n1,a,s\n2,a,s\n")))) <= 1
    assert "1 studies (no patient column)" in caplog.text


def test_a_study_of_two_patients_stays_in_one_split(manifest):
    path = manifest("image,text,study_id,patient_id\n1,a,s,p1\n2,a,s,p10\n")
    items = [item for split in ("train", "val", "test") for item in read(split, path)]
    assert [study.split for study in studies(items)] == ["test"]
    assert rejected(items) == [("manifest.csv:3", "patient_id differs within a study")]


HEADER = "image,study_id,patient_id,text,split,Edema\n"
GOOD = "1.png,s1,p1,Clear.,train,1\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2.png,s2,p2,,train,1", "empty report"),
        (",s2,p2,Clear.,train,1", "no image"),
        ("2.png,s2,p2,Clear.,trial,1", "unknown split"),
        ("2.png,s2,p2,Clear.,train,2", "broken label"),
        ("2.png,s2,p2,Clear.,train", "wrong number of columns"),
        ("2.png,s2,p2,Clear, or not.,train,1", "wrong number of columns"),
        ("2.png,s1,p9,Clear.,train,1", "patient_id differs within a study"),
        ("2.png,s1,p1,Other.,train,1", "findings differs within a study"),
        ("2.png,s1,p1,Clear.,train,0", "labels differs within a study"),
        ("1.png,s1,p1,Clear.,train,1", "image listed twice"),
    ],
)
def test_bad_rows_are_skipped(manifest, row, reason):
    items = list(read("train", manifest(HEADER + GOOD + row + "\n" + "3.png,s3,p3,Clear.,train,\n")))
    assert rejected(items) == [("manifest.csv:3", reason)]
    assert [study.study_id for study in studies(items)] == ["s1", "s3"]


def test_a_bad_row_is_reported_once(manifest):
    path = manifest(HEADER + GOOD + "2.png,s2,p2,Clear.,trial,1\n3.png,s3,p3,Clear.,val,7\n")
    assert [len(rejected(read(split, path))) for split in ("train", "val", "test")] == [1, 1, 0]


def test_unknown_joined_label(manifest):
    (item,) = read("val", manifest("image,text,finding_labels,split\n1,a,Edema|Gout,val\n"))
    assert (item.reason, item.detail) == ("unknown label", "'Gout'")


def test_line_numbers_count_quoted_line_ends(manifest):
    items = list(read("train", manifest('image,text,split\n1,"a\nb",train\n\n2,,train\n')))
    assert rejected(items) == [("manifest.csv:5", "empty report")]


def test_rows_without_image_leak_nothing(manifest):
    assert len(rejected(read("train", manifest("image,text,split\n,a,train\n,b,test\n")))) == 1


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", DataError, "expected a header, found an empty file"),
        ("scan,text\n1,a\n", DataError, r"expected an image column \(image, .*found columns scan, text"),
        ("image,words\n1,a\n", DataError, r"expected a text column \(findings, .*found columns image, words"),
        ("image,Edema\n1,1\n", ConfigError, "set data.prompts=true"),
        ("image,finding_labels\n1,Edema\n", ConfigError, "set data.prompts=true"),
    ],
)
def test_bad_manifests(manifest, text, error, message):
    with pytest.raises(error, match=message):
        read("train", manifest(text))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "expected one of train, val, test, found 'all'"),
        ({"policy": "secret"}, "found 'secret'; change data.policy"),
        ({"prompts": True}, "has no label column; set data.prompts=false"),
        ({"images": "/nowhere"}, "data.images=/nowhere: expected a folder, found nothing"),
        ({"manifest": "/nowhere/m.csv"}, "data.manifest=/nowhere/m.csv: no such file"),
    ],
)
def test_bad_arguments(manifest, options, message):
    arguments = {"split": "train", "manifest": manifest("image,text\n1,a\n")} | options
    with pytest.raises(ConfigError, match=message):
        read(**arguments)


@pytest.mark.shared
@pytest.mark.skipif(not MANIFEST.is_file(), reason="no real radiographs beside the project")
def test_real_labels():
    counts = {}
    for split in ("train", "val", "test"):
        items = list(read(split, str(MANIFEST), prompts=True, policy="open"))
        assert not rejected(items)
        counts[split] = len(items)
        assert all(study.images[0].path.is_file() and study.images[0].view in ("AP", "PA") for study in items)
    assert counts == {"train": 593, "val": 61, "test": 81}


def test_reports_are_read_as_radiologists_write_them(manifest):
    text = '"EXAMINATION: CHEST\nFINDINGS: The lungs are clear ___.\nIMPRESSION: No acute XXXX disease."'
    items = list(read("train", manifest(f"image,report,split\n1,{text},train\n2,___,train\n3,N/A,train\n")))
    assert [(study.findings, study.impression) for study in studies(items)] == [
        ("The lungs are clear.", "No acute disease.")
    ]
    assert rejected(items) == [("manifest.csv:5", "empty report"), ("manifest.csv:6", "empty report")]


def test_a_report_of_a_million_letters_is_read(manifest):
    (study,) = read("train", manifest(f"image,report,split\n1,{'Clear. ' * 150_000},train\n"), label_texts=False)
    assert len(study.findings) > 1_000_000
