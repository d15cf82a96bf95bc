"""What policy lets leave, and what is dropped when an index takes the place of another."""

import contextlib
import json
import logging
from typing import NamedTuple

import numpy as np
import pytest

from medxpert.errors import RemoteError
from medxpert.indexes.adding import add_to_index
from medxpert.indexes.elsewhere import admit, ready, replacing
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.milvus.index import MilvusIndex
from medxpert.indexes.writing import write_index

HELD: dict[str, np.ndarray] = {}
"""What the server of the tests holds."""


class Sides(NamedTuple):
    image: np.ndarray
    text: np.ndarray


SIDES = Sides(np.eye(3, 4), np.eye(3, 4))


class Distant:
    """An index of which a file holds the name alone."""

    destination = "machine"
    fails = False
    checked = 0

    def __init__(self):
        self.name = f"rows {len(HELD)}"
        self.tuned = {}

    def build(self, vectors):
        HELD[self.name] = vectors

    def save(self, path):
        if self.fails:
            raise RemoteError("away")
        path.write_text(json.dumps([self.name, str(path.parent.parent)]))

    def load(self, path):
        self.name = json.loads(path.read_text())[0]

    def add(self, vectors):
        HELD[self.name] = np.concatenate([HELD[self.name], vectors])

    def drop(self):
        if self.fails:
            raise RemoteError("away")
        HELD.pop(self.name, None)

    def check(self):
        type(self).checked += 1

    @classmethod
    def saved(cls, path, home):
        index = cls()
        index.name, written_for = json.loads(path.read_text())
        return index if written_for == str(home) else None


@pytest.fixture(autouse=True)
def empty():
    HELD.clear()


def write(run, make=Distant, policy="open"):
    write_index(run / "index", make, SIDES, {"policy": policy, "encoder": "e", "split": "train"})


def counting():
    """Name indexes apart although earlier ones were dropped."""
    counting.made = getattr(counting, "made", 0) + 1
    index = Distant()
    index.name = f"index {counting.made}"
    return index


@pytest.mark.parametrize("policy", ["private", "credentialed"])
def test_closed_data_stay(policy, tmp_path):
    remote = MilvusIndex("http://milvus.example:19530")
    with pytest.raises(RemoteError, match=f"nothing was sent to the index's server: the data is {policy}"):
        admit(remote, policy)
    with pytest.raises(RemoteError, match="keep the index here"):
        write(tmp_path, lambda: remote, policy)
    assert not (tmp_path / "index").exists()
    with pytest.raises(RemoteError, match=r"the query is private.*say policy=open"):
        admit(remote, "private", "query")


def test_what_may_go_where(tmp_path):
    admit(MilvusIndex("http://milvus.example:19530"), "open")
    admit(MilvusIndex("http://localhost:19530"), "private")
    admit(MilvusIndex(str(tmp_path / "cases.db")), "private")
    admit(FlatIndex(), "private")


def test_looks_before_a_training(monkeypatch):
    monkeypatch.setattr(Distant, "checked", 0)
    ready(Distant(), "private")
    assert Distant.checked == 1
    ready(FlatIndex(), "private")
    monkeypatch.setattr(Distant, "destination", "server")
    with pytest.raises(RemoteError):
        ready(Distant(), "private")
    assert Distant.checked == 1


def test_the_former_index_is_dropped(tmp_path):
    write(tmp_path, counting)
    first = set(HELD)
    assert len(first) == 3
    write(tmp_path, counting)
    assert len(HELD) == 3
    assert not first & set(HELD)
    write(tmp_path, FlatIndex)
    assert not HELD


def test_a_copied_run_leaves_the_other_its_index(tmp_path):
    write(tmp_path / "run", counting)
    (tmp_path / "run").rename(tmp_path / "copy")
    first = set(HELD)
    write(tmp_path / "copy", counting)
    assert first < set(HELD)


def test_what_is_not_finished_is_dropped(tmp_path):
    write(tmp_path, counting)
    first = set(HELD)
    made = []

    def two():
        made.append(counting())
        if len(made) == 3:
            raise KeyboardInterrupt
        return made[-1]

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, two)
    assert set(HELD) == first


def test_a_server_that_is_away_keeps_garbage_and_nothing_fails(tmp_path, monkeypatch, caplog):
    write(tmp_path, counting)
    monkeypatch.setattr(Distant, "fails", True)
    with caplog.at_level(logging.WARNING):
        write(tmp_path, FlatIndex)
    assert "was not dropped: away" in caplog.text
    assert json.loads((tmp_path / "index" / "manifest.json").read_text())["index"].endswith("FlatIndex")


FLAT = json.dumps({"index": f"{FlatIndex.__module__}.FlatIndex", "files": {}})


@pytest.mark.parametrize(
    ("manifest", "told"),
    [(None, False), (FLAT, False), ("{}", True), ('{"index": "no.such.Module"}', True), ("[]", True), ("{", True)],
)
def test_whatever_stood_there(tmp_path, caplog, manifest, told):
    folder = tmp_path / "index"
    if manifest is not None:
        folder.mkdir()
        (folder / "manifest.json").write_text(manifest)
    with replacing(folder, "open") as admitted:
        assert isinstance(admitted(FlatIndex()), FlatIndex)
    assert ("lived elsewhere, it stays there" in caplog.text) is told


@pytest.mark.parametrize(("policy", "refused"), [("open", False), ("private", True)])
def test_added_studies_and_queries_go_the_same_way(tmp_path, monkeypatch, policy, refused):
    write(tmp_path, counting)
    monkeypatch.setattr(Distant, "destination", "server")
    expected = pytest.raises(RemoteError, match="is private") if refused else contextlib.nullcontext()
    with expected:
        add_to_index(tmp_path / "index", SIDES, {"policy": policy}, "")
    assert {len(rows) for rows in HELD.values()} == {3 if refused else 6}
    gallery = object.__new__(Gallery)
    gallery._manifest = {"index": f"{Distant.__module__}.Distant"}
    monkeypatch.setattr("medxpert.indexes.gallery.index_class", lambda _: Distant)
    monkeypatch.setattr(Gallery, "_open", lambda *_: Distant())
    with expected:
        gallery.permit(policy)
