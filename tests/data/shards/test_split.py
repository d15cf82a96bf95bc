import pickle
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from torch.utils.data import DataLoader

from medxpert.data.readers.shards import Shards
from medxpert.data.stored import Representation
from medxpert.errors import ConfigError, DataError
from medxpert.folders import verified
from medxpert.images.files import load
from medxpert.words import SPLITS


@pytest.fixture
def splits(prepared, tmp_path):
    def call(side=48, **shown):
        return Shards(str(prepared)).open_splits(Representation(side, **shown), tmp_path)

    return call


def test_a_shard_is_closed_at_its_size_and_holds_row_groups(prepared, read):
    shards = sorted((prepared / "train").glob("shard-*.parquet"))
    assert [shard.name for shard in shards] == ["shard-00000.parquet", "shard-00001.parquet"]
    rows = [pq.ParquetFile(shard).metadata.num_rows for shard in shards]
    assert sum(rows) == 150
    assert rows[0] > rows[1] > 0
    assert pq.ParquetFile(shards[0]).num_row_groups == 2
    verified(prepared)


def test_studies_come_back_as_they_were(prepared, read):
    shards = Shards(str(prepared))
    for split in SPLITS:
        for found, given in zip(shards(split), read(split), strict=True):
            for name in ("study_id", "patient_id", "findings", "impression", "labels", "split", "source", "policy"):
                assert getattr(found, name) == getattr(given, name), name
            assert (found.weight, found.truth, found.text_kind) == (given.weight, given.truth, given.text_kind)
            assert len(found.images) == len(given.images)
    views = [image.view for image in list(shards("train"))[2].images]
    assert views == ["PA", "", "LATERAL"]


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("side", [48, 32])
def test_pixels_are_those_of_the_images(splits, read, side, fit):
    store = splits(side, fit=fit)["val"]
    images = [
        sorted(study.images, key=lambda one: ["PA", "AP", "", "LATERAL"].index(one.view)) for study in read("val")
    ]
    for rows, own in zip(store.every_image, images, strict=True):
        for row, image in zip(rows, own, strict=True):
            np.testing.assert_allclose(store.pixels[row], load(image, side, fit), atol=3)


def test_many_rows_one_row_and_other_processes_give_the_same(splits):
    store = splits()["train"]
    rows = np.arange(len(store.places))[::-1][:40]
    many = store.pixels[rows]
    assert many.shape == (40, 48, 48)
    np.testing.assert_array_equal(many, [store.pixels[int(row)] for row in rows])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).pixels[rows[:3]], many[:3])


def test_views(splits):
    first, mean = splits()["train"], splits(views="mean")["train"]
    assert [len(rows) for rows in first.image_rows[:3]] == [1, 1, 1]
    assert [len(rows) for rows in mean.image_rows[:3]] == [1, 2, 3]
    assert mean.cases.column("images")[:3] == [1, 2, 3]
    assert first.cases.column("view")[:3] == ["PA", "AP", "PA"]
    assert first.fingerprint != mean.fingerprint


def test_sections(splits):
    longest, impression = splits()["train"], splits(text="impression")["train"]
    assert longest.cases.texts[:2] == ["Short.", "Findings number 1."]
    assert impression.cases.texts[:2] == ["Short.", "Short."]
    assert impression.cases.column("section")[1] == "impression"
    assert impression.cases.study_ids == longest.cases.study_ids


def test_policy_is_the_strictest_of_the_split(splits):
    assert {split: store.policy for split, store in splits().items()} == dict.fromkeys(SPLITS, "credentialed")


def test_weights_and_unknown_patients(splits):
    store = splits()["train"]
    assert store.reports.weights[:3].tolist() == [1, 2, 1]
    assert store.cases.patient_ids[:2] == ["row 0", "trainp0"]
    assert store.blocks is None


def damaged(prepared, tmp_path, damage):
    copy = tmp_path / "copy"
    shutil.copytree(prepared, copy)
    damage(copy)
    return copy


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            lambda root: truncate(root / "train/shard-00000.parquet"),
            DataError,
            r"shard-00000.parquet: expected \d+ bytes",
        ),
        (lambda root: (root / "val/shard-00000.parquet").unlink(), DataError, r"expected \d+ bytes, found nothing"),
        (
            lambda root: flip(root / "train/cases.parquet"),
            DataError,
            "cases.parquet is missing or not what was written",
        ),
        (lambda root: (root / "test/images.npy").unlink(), DataError, "images.npy is missing or not what was written"),
        (
            lambda root: (root / "manifest.json").unlink(),
            DataError,
            "nothing was prepared there, or it was interrupted",
        ),
        (lambda root: (root / "manifest.json").write_text("{"), DataError, "manifest.json is broken"),
        (lambda root: (root / "manifest.json").write_text('{"shards": 0}'), DataError, "in version 0, expected 1"),
        (lambda root: shutil.rmtree(root), ConfigError, "expected a prepared folder, found nothing; change data.root"),
    ],
)
def test_damage_is_told_when_the_data_are_opened(prepared, tmp_path, damage, error, message):
    copy = damaged(prepared, tmp_path, damage)
    with pytest.raises(error, match=message):
        Shards(str(copy)).open_splits(Representation(48), tmp_path)


def test_an_image_that_changed_names_its_shard(prepared, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(prepared, copy)
    store = Shards(str(copy)).open_splits(Representation(48), tmp_path)["val"]
    offset = int(store.places["offset"][0])
    with (copy / "val" / "shard-00000.parquet").open("r+b") as file:
        file.seek(offset)
        file.write(b"broken")
    with pytest.raises(DataError, match=rf"val/shard-00000.parquet: an image at byte {offset} is broken"):
        _ = store.pixels[0]


def test_the_datasets_library_shows_the_pictures(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    from datasets import load_dataset

    files = str(prepared / "val" / "shard-*.parquet")
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert len(rows) == 7
    assert rows[1]["images"][0].size == (40, 48)
    assert rows[1]["views"] == ["AP", "LATERAL"]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loader_processes_read_after_this_one_has(splits, num_workers):
    from medxpert.data.batch import Drawn
    from medxpert.data.order import EpochOrder
    from medxpert.data.sections import TextDraw

    store = splits()["train"]
    _ = store.pixels[np.arange(40)]
    batches = Drawn(store, lambda texts: np.zeros((len(texts), 2), np.int64), TextDraw(), "first", 0)
    order = EpochOrder(np.ones(len(store)), 32)
    loader = DataLoader(
        batches, batch_size=None, sampler=order, num_workers=num_workers, timeout=60 * bool(num_workers)
    )
    rows = [row for batch in loader for row in batch.rows.tolist()]
    assert sorted(rows) == list(range(150))


def test_a_split_that_is_not_there_has_no_studies(prepared):
    shards = Shards(str(prepared))
    shards._splits = ("train", "val")
    assert list(shards("test")) == []
    with pytest.raises(ConfigError, match=r"no split test, only train, val; prepare data that have all three"):
        shards.open_splits(Representation(48), prepared)


def test_a_shard_that_vanishes_is_no_full_disk(prepared, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(prepared, copy)
    store = Shards(str(copy)).open_splits(Representation(48), tmp_path)["val"]
    _ = store.places
    (copy / "val" / "shard-00000.parquet").unlink()
    with pytest.raises(DataError, match=r"val/shard-00000.parquet: cannot be read: No such file"):
        _ = store.pixels[0]
