import json
from pathlib import Path

import pytest
from trees.openi import build, cases
from trees.tally import taken

from medxpert.data.readers.openi import mesh_labels, read
from medxpert.errors import ConfigError, DataError
from medxpert.words import SPLITS, Rejected, Study

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "cxr" / "NLMCXR_reports.tgz"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("openi"))


def studies(root, split="train", **options):
    return {item.study_id: item for item in read(split, str(root), **options) if isinstance(item, Study)}


@pytest.mark.parametrize("packed", [False, True])
def test_accounts(tmp_path, packed):
    tree = build(tmp_path, packed)
    assert taken(read, tree) == tree
    assert tree.counts["train"][0] >= 30
    assert min(tree.counts["val"][0], tree.counts["test"][0]) >= 6


def test_content(tree):
    root = tree.arguments["data.root"]
    for split in SPLITS:
        found = studies(root, split)
        for case in cases():
            if case.split == split and not case.reason and "XXXX" not in case.findings:
                study = found[case.uid]
                assert (study.findings, study.impression) == (case.findings, case.impression)
                assert [image.path.stem for image in study.images] == [case.image(n) for n in range(len(case.states))]
                assert (study.patient_id, study.source, study.policy) == (case.uid, "openi", "open")
                assert {image.view for image in study.images} == {""}


def test_marks_of_removed_words_go(tree):
    study = next(iter(studies(tree.arguments["data.root"]).values()))
    assert (study.findings, study.impression) == ("There are no pleural effusion.", "Normal chest x-ray.")


def test_labels_by_rules_or_by_terms(tree):
    first, second, unindexed = [case for case in cases() if case.split == "train"][:3]
    rules, mesh = (studies(tree.arguments["data.root"], labels=labels) for labels in ("rules", "mesh"))
    assert rules[first.uid].labels["Pleural Effusion"] == 0
    assert mesh[first.uid].labels["No Finding"] == 1
    assert (mesh[second.uid].labels["Cardiomegaly"], mesh[second.uid].labels["Lung Opacity"]) == (1, 1)
    assert mesh[second.uid].labels["Edema"] == mesh[second.uid].labels["No Finding"] == 0
    assert mesh[unindexed.uid].labels == rules[unindexed.uid].labels
    silent = studies(tree.arguments["data.root"], labels="mesh", label_texts=False)
    assert silent[unindexed.uid].labels == {}


def test_a_term_that_hedges_is_uncertain_unless_another_is_sure():
    hedged = mesh_labels(["Cardiomegaly/borderline"])
    assert (hedged["Cardiomegaly"], hedged["No Finding"]) == (-1, 0)
    assert mesh_labels(["Cardiomegaly/borderline", "Heart/enlarged"])["Cardiomegaly"] == 1
    assert mesh_labels(["Heart/enlarged", "Cardiomegaly/borderline"])["Cardiomegaly"] == 1
    assert mesh_labels(["Catheters, Indwelling/right"])["No Finding"] == 1
    assert mesh_labels([]) == {}


def test_terms_are_read_as_in_the_study_of_the_labeler():
    study = ROOT / "experiments" / "labeler" / "mesh.json"
    reader = ROOT / "medxpert" / "data" / "readers" / "openi_mesh.json"
    assert json.loads(study.read_text()) == json.loads(reader.read_text())


def test_a_picture_in_two_splits(tmp_path):
    root = build(tmp_path, identical=True).arguments["data.root"]
    last, first = list(studies(root).values())[-1], next(iter(studies(root, "test").values()))
    assert last.images[0].path.read_bytes() == first.images[0].path.read_bytes()


def test_another_seed_gives_other_splits(tree):
    root = tree.arguments["data.root"]
    assert set(studies(root, "val")) != set(studies(root, "val", seed=1))


def test_reports_and_images_elsewhere(tree, tmp_path):
    root = Path(tree.arguments["data.root"])
    found = studies(tmp_path, reports=str(root / "ecgen-radiology"), images=str(root / "NLMCXR_png"))
    assert list(found) == tree.ids["train"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"split": "all"}, ConfigError, "expected one of train, val, test, found 'all'"),
        ({"labels": "both"}, ConfigError, "data.labels: expected rules or mesh, found 'both'"),
        ({"policy": "secret"}, ConfigError, "found 'secret'"),
        ({"root": "/nowhere"}, ConfigError, "data.root=/nowhere: expected a folder, found nothing"),
        ({"reports": "/nowhere.tgz"}, ConfigError, "data.reports=/nowhere.tgz: expected a folder, found nothing"),
        ({"images": "/nowhere"}, ConfigError, "data.images=/nowhere: expected a folder, found nothing"),
    ],
)
def test_bad_arguments(tree, options, error, message):
    arguments = {"split": "train", "root": tree.arguments["data.root"]} | options
    with pytest.raises(error, match=message):
        read(**arguments)


def test_wrong_root(tmp_path):
    (tmp_path / "notes").mkdir()
    with pytest.raises(DataError, match=r"expected ecgen-radiology or NLMCXR_reports.tgz, found notes/"):
        read("train", str(tmp_path))
    (tmp_path / "ecgen-radiology").mkdir()
    with pytest.raises(DataError, match=r"expected pictures such as CXR1_IM-0001-3001.png, found none"):
        read("train", str(tmp_path))


def test_broken_archive(tree, tmp_path):
    archive = tmp_path / "NLMCXR_reports.tgz"
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"cannot be unpacked: .*download it again$"):
        list(read("train", tree.arguments["data.root"], reports=str(archive)))


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_file(), reason=f"no reports at {REAL}")
def test_all_real_reports(tmp_path):
    (tmp_path / "NLMCXR_png").mkdir()
    (tmp_path / "NLMCXR_png" / "CXR1_1_IM-0001-3001.png").touch()
    options = {"reports": str(REAL), "label_texts": False}
    items = [item for split in SPLITS for item in read(split, str(tmp_path), **options)]
    reasons = [item.reason for item in items if isinstance(item, Rejected)]
    found = [item for item in items if isinstance(item, Study)]
    assert len(items) == 3955
    assert set(reasons) == {"empty report", "report without image"}
    lost = [int(item.detail.split()[0]) for item in items if isinstance(item, Rejected)]
    assert sum(len(study.images) for study in found) + sum(lost) == 7470
    assert 3100 < sum(bool(study.findings and study.impression) for study in found) <= 3419
    texts = [text for study in found for text in (study.findings, study.impression)]
    assert not any("XXXX" in text or text.lower() == "nan" for text in texts)
    shares = [sum(study.split == split for study in found) / len(found) for split in SPLITS]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)
