"""Prepared data in a bucket: the same studies, pixels and orders as on disk, in bounded memory, or one clear line."""

import socket
import threading
from contextlib import closing

import numpy as np
import pyarrow.fs as fs
import pytest

from medxpert.data.order import EpochOrder
from medxpert.data.readers.shards import Shards
from medxpert.data.shards import pixels, root
from medxpert.data.stored import Representation
from medxpert.errors import DataError, MedXpertError, RemoteError

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def bucket(prepared):
    """Return the URI of the prepared folder on a server of this machine."""
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    files = fs.S3FileSystem(
        access_key="key", secret_key="secret", scheme="http", endpoint_override=f"{host}:{port}", region="us-east-1",
        allow_bucket_creation=True,
    )  # fmt: skip
    files.create_dir("films")
    for path in prepared.rglob("*"):
        if path.is_file():
            with files.open_output_stream(f"films/shards/{path.relative_to(prepared).as_posix()}") as stream:
                stream.write(path.read_bytes())
    yield f"s3://key:secret@films/shards?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    server.stop()


def opened(location, cache, side=48):
    return Shards(location).open_splits(Representation(side), cache)


def test_studies_and_pixels_are_those_on_disk(bucket, prepared, tmp_path):
    here, there = opened(str(prepared), tmp_path), opened(bucket, tmp_path)
    for split in ("train", "val", "test"):
        assert there[split].cases.texts == here[split].cases.texts
        rows = np.random.default_rng(0).permutation(len(here[split].places))[:50]
        np.testing.assert_array_equal(there[split].pixels[rows], here[split].pixels[rows])
    assert there["train"].fingerprint == here["train"].fingerprint


def test_every_study_is_streamed_once_group_by_group(bucket, tmp_path, monkeypatch):
    store = opened(bucket, tmp_path)["train"]
    assert store.blocks is not None
    fetched = []
    real = pixels.RemoteBytes._group
    monkeypatch.setattr(pixels.RemoteBytes, "_group", lambda self, key: fetched.append(key) or real(self, key))
    order = EpochOrder(store.reports.weights, 16, blocks=store.blocks)
    rows = [draw.row for batch in order for draw in batch]
    for batch in order:
        store.pixels[[int(store.every_image[draw.row][0]) for draw in batch]]
    assert sorted(set(rows)) == list(range(len(store)))
    assert len(fetched) == len(set(fetched)) == len(np.unique(store.blocks))


def test_no_more_groups_are_held_than_the_limit(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "_HELD_GROUPS", 1)
    store = opened(bucket, tmp_path)["train"]
    _ = store.pixels[np.arange(0, len(store.places), 7)]
    assert len(store.pixels.fetch._held) == 1


def test_train_from_a_bucket(bucket, tmp_path, monkeypatch, command):
    arguments = ("model.image_side=32", "model.image_widths=[8]", "model.text_width=32", "model.text_blocks=1")
    outcome = command(
        "train.py", "data=shards", f"data.root='{bucket}'", *arguments, "model.vocab_size=600", "trainer.max_epochs=1",
        "trainer.precision=32", "loader.batch_size=16",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    config = (tmp_path / "outputs" / "latest" / "config.yaml").read_text()
    assert "secret" not in config


def test_a_bucket_without_prepared_data(bucket, tmp_path):
    with pytest.raises(DataError, match="nothing was prepared there"):
        opened(bucket.replace("/shards?", "/elsewhere?"), tmp_path)


@pytest.mark.parametrize("silent", [True, False])
def test_a_bucket_that_does_not_answer(silent, tmp_path, monkeypatch):
    monkeypatch.setattr(root, "_TIMEOUT_SECONDS", 1)
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        if silent:
            listener.listen(16)
            threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        location = f"s3://key:secret@films/shards?scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1"
        with pytest.raises(RemoteError, match=r"no answer after 3 attempts .* check the network") as caught:
            opened(location, tmp_path)
    assert isinstance(caught.value, MedXpertError)
    assert "secret" not in str(caught.value)


def _accept(listener):
    held = []
    try:
        while True:
            held.append(listener.accept())
    except OSError:
        for connection, _ in held:
            connection.close()
