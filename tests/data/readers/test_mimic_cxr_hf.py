import logging
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trees.mimic_cxr_hf import build, rows, write
from trees.tally import taken

from medxpert.data import parquet
from medxpert.data.readers.mimic_cxr_hf import _by_place, _Row, read
from medxpert.errors import ConfigError, DataError
from medxpert.text import normalise
from medxpert.words import SPLITS, Study


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("hf"))


def studies(where, part="train", rule="grouped", **options):
    return [item for item in read(part, str(where), split=rule, **options) if isinstance(item, Study)]


@pytest.mark.parametrize("splits", ["grouped", "published"])
@pytest.mark.parametrize("shards", [1, 3])
def test_accounts(tmp_path, splits, shards):
    tree = build(tmp_path, splits, shards)
    assert taken(read, tree) == tree
    assert tree.counts["train"][0] >= 30
    assert min(tree.counts["val"][0], tree.counts["test"][0]) >= 6


def test_content(tree):
    known = rows()
    for split in SPLITS:
        for study in studies(tree.arguments["data.dataset"], split):
            row = known[int(study.study_id)]
            assert normalise(study.findings) == normalise(row.findings or "")
            assert (study.impression, study.images[0].read()) == (row.impression, row.picture or b"")
            assert (study.patient_id, study.source, study.policy) == ("", "mimic_cxr_hf", "credentialed")
            assert study.images[0].view == ""


def test_equal_texts_share_a_split(tree):
    known = [study for split in SPLITS for study in studies(tree.arguments["data.dataset"], split)]
    same = {study.split for study in known if study.study_id in ("000000", "000068", "000069")}
    assert len(same) == 1
    published = [
        study for split in SPLITS for study in studies(tree.arguments["data.dataset"], split, rule="published")
    ]
    assert {s.study_id: s.split for s in published}["000000"] == "train"
    assert {s.study_id: s.split for s in published}["000069"] == "test"
    assert studies(tree.arguments["data.dataset"], "val", seed=1) != studies(tree.arguments["data.dataset"], "val")


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(30623, (24499, 3062, 3062)), (10, (8, 1, 1)), (99, (81, 9, 9)), (9, (9, 0, 0))],
)
def test_published_splits(count, sizes):
    split_of = _by_place(count)
    found = [split_of(_Row(number, None, "", "")) for number in range(count)]
    assert tuple(found.count(split) for split in SPLITS) == sizes
    assert found == sorted(found, key=SPLITS.index)


def test_says_once_that_patients_are_unknown(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    write(tmp_path / "data", rows(12), 1)
    for split in SPLITS:
        read(split, str(tmp_path))
    assert caplog.text.count("patients unknown, leakage possible") == 1


def test_pictures_stay_on_disk_until_they_are_read(tree, monkeypatch):
    parquet._pictures.cache_clear()
    known = studies(tree.arguments["data.dataset"])
    assert parquet._pictures.cache_info().currsize == 0
    for study in known:
        study.images[0].read()
    info = parquet._pictures.cache_info()
    assert info.currsize == 2
    assert info.misses <= 10
    monkeypatch.setattr(parquet, "_pictures", None)
    assert len({study.images[0].fingerprint() for study in known}) == len(known)


def test_a_changed_file_is_read_anew(tmp_path):
    write(tmp_path / "data", rows(12), 1)
    first = studies(tmp_path)
    (path,) = (tmp_path / "data").iterdir()
    path.unlink()
    (tmp_path / "data").rmdir()
    changed = rows(13)[1:]
    write(tmp_path / "data", changed, 1)
    second = studies(tmp_path, rule="published")
    assert [study.impression for study in second] == [row.impression for row in changed[:10]]
    assert second[0].images[0].fingerprint() != first[0].images[0].fingerprint()


def test_other_processes_get_bytes(tree):
    image = studies(tree.arguments["data.dataset"])[0].images[0]
    copy = pickle.loads(pickle.dumps(image))
    assert type(copy).__name__ == "ImageBytes"
    assert (copy.read(), copy.view) == (image.read(), image.view)


def test_one_file_and_a_column_of_bytes(tmp_path):
    cells = [{"image": row.picture, "findings": row.findings, "impression": row.impression} for row in rows(12)]
    pq.write_table(pa.Table.from_pylist(cells), tmp_path / "one.parquet")
    found = studies(tmp_path / "one.parquet", rule="published")
    assert [study.images[0].read() for study in found] == [row.picture for row in rows(12)][:10]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "all"}, "expected one of train, val, test, found 'all'"),
        ({"split": "random"}, "data.split: expected grouped or published, found 'random'"),
        ({"policy": "secret"}, "found 'secret'"),
        ({"dataset": "/nowhere"}, "data.dataset=/nowhere: no such file or folder"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        arguments = {"part": "train", "dataset": tree.arguments["data.dataset"]} | options
        read(arguments.pop("part"), **arguments)


def test_wrong_tables(tmp_path):
    with pytest.raises(DataError, match="expected parquet files, found none"):
        read("train", str(tmp_path))
    path = tmp_path / "x.parquet"
    path.write_bytes(b"no table")
    with pytest.raises(DataError, match="expected a parquet file, found something else"):
        read("train", str(path))
    pq.write_table(pa.table({"image": [b""], "text": ["a"]}), path)
    with pytest.raises(
        DataError, match=r"expected a column findings, impression, found image, text; change data.dataset"
    ):
        read("train", str(path))


def test_a_part_is_missing(tmp_path):
    write(tmp_path / "data", rows(12), 3)
    Path(tmp_path / "data" / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(DataError, match=r"train\*: expected 3 parts, found 2; download the others"):
        read("train", str(tmp_path))
