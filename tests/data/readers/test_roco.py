import pytest
from trees.roco import COUNTS, build, captions
from trees.tally import taken

from medxpert.data.readers.roco import read
from medxpert.errors import ConfigError, DataError
from medxpert.words import Study


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("roco"))


@pytest.mark.parametrize("version", [1, 2])
def test_accounts(tmp_path, version):
    tree = build(tmp_path, version)
    assert taken(read, tree) == tree
    assert tree.counts["train"][0] >= 30
    assert min(tree.counts["val"][0], tree.counts["test"][0]) >= 6


@pytest.mark.parametrize("version", [1, 2])
def test_content(tmp_path, version):
    root = build(tmp_path, version).arguments["data.root"]
    for split in COUNTS:
        found = [item for item in read(split, root) if isinstance(item, Study)]
        assert [study.findings for study in found] == captions(split)
        assert {(study.impression, study.patient_id, study.source, study.policy) for study in found} == {
            ("", "", "roco", "open")
        }
        assert found[0].images[0].path.name == f"{found[0].study_id}.jpg"
        assert found[0].labels == {}
        assert all(study.labels for study in found[1:])


def test_folders_above_and_the_other_half(tree, tmp_path):
    (tmp_path / "data").symlink_to(tree.arguments["data.root"])
    assert sum(isinstance(item, Study) for item in read("test", str(tmp_path))) == COUNTS["test"]
    with pytest.raises(DataError, match=r"expected test/non-radiology/captions.txt or"):
        read("test", str(tmp_path), modality="non-radiology")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "expected one of train, val, test, found 'all'"),
        ({"root": "/nowhere"}, "data.root=/nowhere: expected a folder, found nothing"),
        ({"modality": "CT"}, "data.modality: expected radiology or non-radiology, found 'CT'"),
        ({"policy": "secret"}, "found 'secret'"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        read(**({"split": "train", "root": tree.arguments["data.root"]} | options))


def test_wrong_root(tmp_path):
    (tmp_path / "notes").mkdir()
    expected = r"expected validation/radiology/captions.txt or validation_captions.csv, found notes/; point data.root"
    with pytest.raises(DataError, match=expected):
        read("val", str(tmp_path))


def test_captions_in_another_encoding(tmp_path):
    path = tmp_path / "train" / "radiology" / "captions.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes("1\tR\u00f6ntgen".encode("latin-1"))
    with pytest.raises(DataError, match="cannot be read as UTF-8"):
        list(read("train", str(tmp_path)))
