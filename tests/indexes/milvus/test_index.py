"""Milvus in a file: one database per module, because starting it takes a second."""

import fcntl
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError, MissingExtraError
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.milvus import search
from medxpert.indexes.milvus.index import MilvusIndex

NUM_ROWS, WIDTH = 400, 16


def unit(seed, num_rows, width=WIDTH):
    rows = np.random.default_rng(seed).standard_normal((num_rows, width), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("milvus") / "cases.db"


@pytest.fixture(scope="module")
def built(database):
    index = MilvusIndex(str(database))
    index.build(unit(0, NUM_ROWS))
    return index


@pytest.fixture(scope="module")
def flat():
    index = FlatIndex()
    index.build(unit(0, NUM_ROWS))
    return index


def same(found, expected):
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    assert found.scores.dtype == np.float32
    assert found.rows.dtype == np.int64


@pytest.mark.parametrize("num_queries", [1, 70])
def test_equals_flat(built, flat, num_queries):
    queries = unit(1, num_queries)
    same(built.search(queries, 7), flat.search(queries, 7))


@pytest.mark.parametrize("widest", [0, 1024], ids=["rows are named", "more are asked for"])
@pytest.mark.parametrize("share", [0.97, 0.5, 0.03])
def test_masked_equals_flat(built, flat, monkeypatch, share, widest):
    monkeypatch.setattr(search, "_WIDEST", widest)
    monkeypatch.setattr(search, "_MOST_NAMED", 150)  # several expressions
    queries, allowed = unit(2, 5), np.random.default_rng(3).random(NUM_ROWS) < share
    same(built.search(queries, 6, allowed), flat.search(queries, 6, allowed))


def test_a_mask_of_what_is_farthest(built, flat, monkeypatch):
    monkeypatch.setattr(search, "_WIDEST", 60)
    query = unit(4, 1)
    nearest = flat.search(query, 300).rows[0]
    allowed = np.ones(NUM_ROWS, bool)
    allowed[nearest] = False
    same(built.search(query, 5, allowed), flat.search(query, 5, allowed))


@pytest.mark.parametrize("num_allowed", [0, 2])
def test_missing_places(built, num_allowed):
    allowed = np.arange(NUM_ROWS) < num_allowed
    found = built.search(unit(5, 3), 4, allowed)
    assert (found.rows[:, num_allowed:] == -1).all()
    assert np.isneginf(found.scores[:, num_allowed:]).all()
    assert all(set(row) == set(range(num_allowed)) for row in found.rows[:, :num_allowed].tolist())


def test_more_than_there_are(built):
    found = built.search(unit(6, 1), NUM_ROWS + 3)
    assert sorted(found.rows[0, :NUM_ROWS].tolist()) == list(range(NUM_ROWS))
    assert found.rows[0, NUM_ROWS:].tolist() == [-1] * 3


def test_saved_added_and_left_half_done(database, tmp_path, caplog):
    """A second collection: what was added counts from when the file says so."""
    rows, more = unit(7, 30), unit(8, 5)
    index = MilvusIndex(str(database))
    index.build(rows)
    index.save(tmp_path / "index")
    assert "token" not in (tmp_path / "index").read_text()

    adding = MilvusIndex()
    adding.load(tmp_path / "index")
    adding.add(more)
    same(adding.search(more, 1), replace_rows(more, 30))

    before = MilvusIndex()
    before.load(tmp_path / "index")
    assert (before.search(more, 30).rows < 30).all()
    before.add(more[::-1])  # takes the place of what was never saved
    before.save(tmp_path / "again")
    after = MilvusIndex()
    after.load(tmp_path / "again")
    same(after.search(more[::-1], 1), replace_rows(more, 30))

    after.drop()
    with pytest.raises(DataError, match=r"is gone; build it again: python -m medxpert\.embed run=/"):
        before.search(more, 1)
    with pytest.raises(DataError, match=r"expected collection medxpert_\w+, found none; build it again"):
        MilvusIndex().load(tmp_path / "index")
    assert not [record for record in caplog.records if record.name.startswith(("grpc", "milvus", "pymilvus"))]


def test_a_copied_run_leaves_the_rows_of_the_other_alone(database, tmp_path):
    """The rows would be written over those that the other run added."""
    index, more = MilvusIndex(str(database)), unit(8, 2)
    index.build(unit(7, 3))
    (tmp_path / "run" / "index").mkdir(parents=True)
    (tmp_path / "link").symlink_to("run")
    index.save(tmp_path / "link" / "index" / "image.index")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    copied = MilvusIndex()
    copied.load(tmp_path / "copy" / "index" / "image.index")
    with pytest.raises(DataError, match=r"/copy: expected .* found that of .*/run; .* medxpert\.embed run=/.*/copy$"):
        copied.add(more)
    assert copied._collection.count() == 3
    assert MilvusIndex.saved(tmp_path / "copy" / "index" / "image.index", tmp_path / "copy") is None

    own = MilvusIndex()
    own.load(tmp_path / "run" / "index" / "image.index")
    own.add(more)
    assert own._collection.count() == 5
    assert MilvusIndex.saved(tmp_path / "link" / "index" / "image.index", tmp_path / "link") is not None


def replace_rows(queries, first):
    from medxpert.words import Neighbours

    return Neighbours(np.ones((len(queries), 1), np.float32), np.arange(first, first + len(queries))[:, None])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": NUM_ROWS + 1}, f"expected {NUM_ROWS + 1} rows in medxpert_\\w+, found {NUM_ROWS}; build it again"),
        ({"samples": {"3": "0" * 64}}, "holds other vectors than were indexed; build it again"),
        ({"collection": "medxpert_other"}, "expected collection medxpert_other, found none"),
        ({"uri": "/nowhere/cases.db"}, "/nowhere/cases.db: no such database, .*; bring it back there, or build it"),
        ({"surprise": 1}, "broken index; build it again"),
    ],
)
def test_what_no_longer_fits_its_file(built, tmp_path, change, message):
    path = tmp_path / "run" / "index" / "both.index"
    path.parent.mkdir(parents=True)
    built.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=message) as refused:
        MilvusIndex().load(path)
    assert str(refused.value).endswith(f" build it again: python -m medxpert.embed run={tmp_path / 'run'}")


@pytest.mark.parametrize(("content", "message"), [(None, "no such index"), (b"hello", "broken index")])
def test_bad_files(tmp_path, content, message):
    if content is not None:
        (tmp_path / "index").write_bytes(content)
    with pytest.raises(DataError, match=f"{message}; build it again: python -m medxpert.embed run={tmp_path.parent}"):
        MilvusIndex().load(tmp_path / "index")


@pytest.mark.parametrize(
    ("queries", "top_k", "allowed", "error", "message"),
    [
        (unit(0, 1), 0, None, ConfigError, "top_k: expected at least 1, found 0"),
        (unit(0, 1, 8), 1, None, DataError, "expected width 16 as in the index, found 8"),
        (unit(0, 1)[0], 1, None, DataError, r"expected a matrix \[N, D\], found shape \[16\]"),
        (np.full((1, WIDTH), np.nan, np.float32), 1, None, DataError, "found NaN or infinity"),
        (unit(0, 1), 1, np.ones(9, bool), DataError, r"expected bool \[400\], found bool \[9\]"),
    ],
)
def test_bad_searches(built, queries, top_k, allowed, error, message):
    with pytest.raises(error, match=message):
        built.search(queries, top_k, allowed)


def test_more_neighbours_than_milvus_returns(built, monkeypatch):
    monkeypatch.setattr(built, "_held", replace(built._held, count=20_000))
    with pytest.raises(ConfigError, match=r"top_k=20000: Milvus returns at most 16384"):
        built.search(unit(0, 1), 20_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"uri": "a.db", "kind": "tree"}, "index.kind=tree: expected one of flat, hnsw, ivf"),
        ({"uri": "a.db", "recall": 0}, "index.recall=0: expected above 0"),
        ({"uri": "a.db", "timeout_seconds": 0}, "index.timeout_seconds=0: expected above 0"),
        ({"uri": "cases"}, "index.uri=cases: expected a file here such as cases.db"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        MilvusIndex(**arguments)


def test_nothing_to_build_with(database):
    with pytest.raises(DataError, match=r"at least one \[N, D\]"):
        MilvusIndex(str(database)).build(np.ones((0, 4), np.float32))
    with pytest.raises(ConfigError, match=r"index\.uri is missing"):
        MilvusIndex().build(unit(0, 2))
    with pytest.raises(DataError, match="holds nothing yet"):
        MilvusIndex(str(database)).search(unit(0, 1), 1)


def test_missing_packages(monkeypatch, tmp_path):
    monkeypatch.setattr("medxpert.indexes.milvus.server.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'medxpert\[milvus\]'"):
        MilvusIndex(str(tmp_path / "cases.db"))


def test_a_build_that_fails_leaves_no_collection(built, database, monkeypatch):
    def broken(*_):
        raise KeyboardInterrupt

    before = built._collection.client.list_collections()
    monkeypatch.setattr("medxpert.indexes.milvus.index.tune", broken)
    with pytest.raises(KeyboardInterrupt):
        MilvusIndex(str(database)).build(unit(0, 3))
    assert built._collection.client.list_collections() == before


def test_a_file_is_open_in_one_process_at_a_time(tmp_path, capfd):
    database = tmp_path / "cases.db"
    database.mkdir()
    with (database / "LOCK").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as milvus-lite does in the other process
        with pytest.raises(ConfigError, match=r"cases\.db is open in another process") as raised:
            MilvusIndex(str(database)).build(unit(0, 2))
    assert "index.uri=http://localhost:19530" in str(raised.value)
    assert capfd.readouterr().err == ""  # milvus-lite logs a traceback


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "cases.db").write_text("sqlite, once")
    with pytest.raises(ConfigError, match=r"cases\.db cannot be used: .*File exists.*; move it away"):
        MilvusIndex(str(tmp_path / "cases.db")).build(unit(0, 2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_approximate_kinds_reach_their_recall(tmp_path, kind):
    centres = unit(0, 60, 32)
    rows = centres[np.arange(6000) % 60] + 0.6 * unit(1, 6000, 32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index, flat = MilvusIndex(str(tmp_path / "cases.db"), kind=kind, recall=0.95), FlatIndex()
    index.build(rows)
    flat.build(rows)
    assert index.tuned["kind"] == kind
    assert index.tuned["recall"] >= 0.95
    queries = rows[::60] + 0.3 * unit(2, 100, 32)
    for share in (1, 0.5, 0.02):
        allowed = np.random.default_rng(4).random(6000) < share
        found, exact = index.search(queries, 10, allowed), flat.search(queries, 10, allowed)
        assert allowed[found.rows].all()
        assert (found.scores >= exact.scores[:, -1:] - 1e-5).mean() >= 0.9
