import pickle
import threading

import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from huggingface_hub import errors
from pyarrow import fs

from medxpert.data import hub, parquet
from medxpert.data.parquet import ParquetImage, must_have, num_rows, shards, texts
from medxpert.errors import ConfigError, DataError, RemoteError
from medxpert.images.errors import ImageError

ID = "someone/chests"
SETTING = "data.dataset"


def table(path, pictures, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"bytes": one, "path": None} for one in pictures]
    notes = [f"note {place}" for place in range(len(pictures))]
    pq.write_table(pa.table({"image": cells, "note": notes}), path, row_group_size=2, **more)
    return path


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """Put a folder in the place of the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    files = DirFileSystem(str(tmp_path), LocalFileSystem())
    monkeypatch.setattr(hub, "file_system", lambda: files)
    return files


def test_local_files_in_order(tmp_path):
    for name in ("b/2", "a/10", "a/1"):
        table(tmp_path / f"{name}.parquet", [name.encode()])
    (tmp_path / "README.md").touch()
    found = shards(str(tmp_path), SETTING)
    assert [shard.path for shard in found] == [str(tmp_path / f"{name}.parquet") for name in ("a/1", "a/10", "b/2")]
    assert num_rows(found) == 3
    assert [row.texts for row in texts(found, ["note"])] == [{"note": "note 0"}] * 3


def test_pictures_by_place(tmp_path):
    (shard,) = shards(str(table(tmp_path / "x.parquet", [b"a", b"b", b"c", None, b""])), SETTING)
    read = [ParquetImage(shard, row.group, row.row, "image").read() for row in texts([shard], ["note"])]
    assert read == [b"a", b"b", b"c", b"", b""]


def test_fingerprints_differ_by_cell_and_content(tmp_path):
    path = table(tmp_path / "x.parquet", [b"a", b"b", b"c"])
    (shard,) = shards(str(path), SETTING)
    before = {ParquetImage(shard, row.group, row.row, "image").fingerprint() for row in texts([shard], ["note"])}
    assert len(before) == 3
    table(path, [b"other", b"b", b"c"])
    (shard,) = shards(str(path), SETTING)
    assert ParquetImage(shard, 0, 0, "image").fingerprint() not in before


def test_two_row_groups_are_held(tmp_path):
    (shard,) = shards(str(table(tmp_path / "x.parquet", [bytes([n]) for n in range(8)])), SETTING)
    parquet._pictures.cache_clear()
    for group in (0, 0, 1, 0, 1, 2, 2, 0):
        ParquetImage(shard, group, 0, "image").read()
    assert parquet._pictures.cache_info()[:2] == (4, 4)
    assert parquet._pictures.cache_info().currsize == 2


def test_threads_read_the_same(tmp_path):
    (shard,) = shards(str(table(tmp_path / "x.parquet", [bytes([n]) * 50 for n in range(40)])), SETTING)
    faults = []

    def read():
        for number in [*range(40)] * 5:
            if ParquetImage(shard, number // 2, number % 2, "image").read() != bytes([number]) * 50:
                faults.append(number)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_pickled_picture_needs_no_file(tmp_path):
    path = table(tmp_path / "x.parquet", [b"a", b"b"])
    (shard,) = shards(str(path), SETTING)
    pickled = pickle.dumps(ParquetImage(shard, 0, 1, "image", "PA"))
    path.unlink()
    image = pickle.loads(pickled)
    assert (image.read(), image.view) == (b"b", "PA")


def test_a_broken_group_is_a_broken_picture(tmp_path):
    path = table(tmp_path / "x.parquet", [b"a" * 5000, b"b" * 5000], compression="none", use_dictionary=False)
    (shard,) = shards(str(path), SETTING)
    data = path.read_bytes()
    path.write_bytes(b"PAR1" + b"\xff" * 60 + data[64:])
    image = ParquetImage(shard, 0, 0, "image")
    with pytest.raises(ImageError) as caught:
        image.read()
    assert caught.value.reason == "image broken"
    assert pickle.loads(pickle.dumps(image)).read() == b""


def test_the_hub(tmp_path, remote):
    table(tmp_path / "datasets" / ID / "data" / "train-00001-of-00002.parquet", [b"c"])
    table(tmp_path / "datasets" / ID / "data" / "train-00000-of-00002.parquet", [b"a", b"b"])
    (tmp_path / "datasets" / ID / "README.md").touch()
    for location in (ID, f"hf://datasets/{ID}", f"hf://datasets/{ID}/data"):
        found = shards(location, SETTING)
        must_have(found, ["image", "note"], SETTING)
        images = [ParquetImage(row.shard, row.group, row.row, "image") for row in texts(found, ["note"])]
        assert [image.read() for image in images] == [b"a", b"b", b"c"]


def test_a_folder_here_goes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "file_system", None)
    table(tmp_path / ID / "x.parquet", [b"here"])
    assert len(shards(ID, SETTING)) == 1


def answer(kind, status):
    request = errors.Response.__init__.__globals__["Request"]("GET", "https://huggingface.co")
    return kind(f"{status} Client Error", response=errors.Response(status, request=request))


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            answer(errors.GatedRepoError, 403),
            RemoteError,
            r"^someone/chests: access is restricted; accept the terms at https://huggingface.co/datasets/someone/chests"
            r", then set HF_TOKEN to a token of that account$",
        ),
        (answer(errors.HfHubHTTPError, 401), RemoteError, "access is restricted"),
        (
            caused(FileNotFoundError("datasets/someone/chests"), answer(errors.GatedRepoError, 401)),
            RemoteError,
            "access is restricted",
        ),
        (
            caused(FileNotFoundError("datasets/someone/chests"), answer(errors.RepositoryNotFoundError, 401)),
            ConfigError,
            r"no such file or folder here, and no such data set on the hub that your HF_TOKEN may see; change data",
        ),
        (answer(errors.HfHubHTTPError, 500), RemoteError, r"the hub did not answer \(500 Client Error"),
        (errors.OfflineModeIsEnabled("offline"), ConfigError, "HF_HUB_OFFLINE is set; unset it"),
        (errors.HTTPError("Name or service not known"), RemoteError, r"did not answer \(Name or service not known\)"),
        (TimeoutError(), RemoteError, r"did not answer \(TimeoutError\); try again, or download"),
    ],
)
def test_the_hub_refuses(remote, monkeypatch, error, kind, message):
    def find(*_, **__):
        raise error

    monkeypatch.setattr(remote, "find", find)
    with pytest.raises(kind, match=message) as caught:
        shards(ID, SETTING)
    assert "\n" not in str(caught.value)


def test_access_is_refused_when_a_picture_is_read(tmp_path, remote, monkeypatch):
    table(tmp_path / "datasets" / ID / "x.parquet", [b"a"])
    (shard,) = shards(ID, SETTING)

    def refuse(*_, **__):
        raise answer(errors.GatedRepoError, 403)

    monkeypatch.setattr(remote, "open", refuse)
    with pytest.raises(RemoteError, match="access is restricted; accept the terms"):
        ParquetImage(shard, 0, 0, "image").read()


def test_offline_the_cache_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "file_system", None)
    table(tmp_path / "x.parquet", [b"a"])
    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **options: asked.append((name, options)) or str(tmp_path)
    )
    assert num_rows(shards(f"hf://datasets/{ID}", SETTING)) == 1
    assert asked == [(ID, {"repo_type": "dataset", "local_files_only": True})]


def test_offline_without_the_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"run: hf download --repo-type dataset someone/chests$"):
        shards(ID, SETTING)


def test_uris(tmp_path, monkeypatch):
    table(tmp_path / "x.parquet", [b"a"])
    assert num_rows(shards(f"file://{tmp_path}", SETTING)) == 1
    assert num_rows(shards(f"file://{tmp_path}/x.parquet", SETTING)) == 1
    with pytest.raises(ConfigError, match=r"no such file or folder; change data.dataset"):
        shards(f"file://{tmp_path}/y", SETTING)
    with pytest.raises(ConfigError, match=r"data.dataset=ftp://x/y: .*change data.dataset"):
        shards("ftp://x/y", SETTING)

    def fail(_):
        raise OSError("ACCESS_DENIED")

    monkeypatch.setattr(parquet, "_from_uri", fail)
    with pytest.raises(RemoteError, match=r"s3://bucket/x: cannot be fetched \(ACCESS_DENIED\); check the network"):
        shards("s3://bucket/x", SETTING)


@pytest.mark.parametrize(
    ("text", "is_dataset", "name"),
    [
        ("itsanmolgupta/mimic-cxr-dataset", True, "itsanmolgupta/mimic-cxr-dataset"),
        ("hf://datasets/a/b@main/data", True, "a/b"),
        ("datasets/a/b/data/x.parquet", False, "a/b"),
        ("/a/b", False, "/a/b"),
        ("a/b/c", False, "a/b"),
        ("../b", False, "../b"),
        ("s3://a/b", False, "s3://a/b"),
    ],
)
def test_names_of_the_hub(text, is_dataset, name):
    assert hub.is_dataset(text) == is_dataset
    assert hub.name_of(text) == name


def test_a_missing_local_file_is_no_question_to_the_hub(tmp_path):
    (shard,) = shards(str(table(tmp_path / "x.parquet", [b"a"])), SETTING)
    (tmp_path / "x.parquet").unlink()
    with pytest.raises(DataError, match=r"x.parquet: cannot be read"):
        num_rows([shard])


def test_stamp_is_the_hubs_hash(monkeypatch):
    class Files:
        def find(self, top, detail):
            assert (top, detail) == ("datasets/a/b", True)
            return {
                "datasets/a/b/y.parquet": {"size": 7, "blob_id": "abc"},
                "datasets/a/b/x.parquet": {"size": 8, "blob_id": "def"},
                "datasets/a/b/z.md": {},
            }

    found = list(hub.parquet_files(Files(), "a/b"))
    assert found == [("datasets/a/b/x.parquet", "8:def"), ("datasets/a/b/y.parquet", "7:abc")]


def test_shards_compare_by_content(tmp_path):
    files = fs.LocalFileSystem()
    one, same, other = (parquet.Shard("x", stamp, files) for stamp in ("1", "1", "2"))
    assert one == same
    assert one != other
    assert hash(one) == hash(same)
