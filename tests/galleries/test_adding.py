"""Additions to a small run: names that no other has, policies, and what an index made again takes of them."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxpert.cases import SCHEMA, Cases, encode_labels, write_cases
from medxpert.embedding import Vectors
from medxpert.errors import DataError
from medxpert.folders import read_json, seal, verified, write_json
from medxpert.galleries import adding
from medxpert.galleries.adding import Addition, add
from medxpert.galleries.news import News
from medxpert.galleries.publishing import index_again, sealed_additions
from medxpert.galleries.source import Source
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.joined import cases_digests
from medxpert.indexes.writing import write_index
from medxpert.models.tiny import clip_tiny
from medxpert.run import Run

EMPTY = dict.fromkeys(SCHEMA.names, "") | {"truth": None, "policy": "open", "images": 1, "labels": encode_labels({})}
ROWS = np.eye(3, 4, dtype=np.float16)


def embedded(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    for side in Vectors._fields:
        np.save(folder / f"{side}.npy", ROWS)
    ids = [f"{name}{row}" for row in range(len(ROWS))]
    write_cases(folder / "cases.parquet", [EMPTY | {"study_id": one, "thumbnail": b""} for one in ids])
    return Cases(folder / "cases.parquet")


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    model = clip_tiny(image_side=32, image_widths=(4, 8), text_width=32, text_blocks=1, embed_dim=8, vocab_size=600)
    model.policy = "open"
    (tmp_path / "model").mkdir()
    train, stamp = tmp_path / "embeddings" / "train", {"encoder": model.export(tmp_path / "model"), "policy": "open"}
    embedded(train, "train")
    seal(train, stamp)
    fields = {**stamp, "split": "train", "cases": cases_digests([train])}
    write_index(tmp_path / "index", FlatIndex, Vectors(ROWS, ROWS), fields)
    write_json(tmp_path / "provenance.json", {"policy": "open"})
    return Run(tmp_path)


@pytest.fixture
def put(run, tmp_path, monkeypatch):
    """Add three studies; return the manifest of the index."""
    monkeypatch.setattr(adding, "merge", lambda shards, folder: embedded(folder, "merged"))

    def call(name, policy="open"):
        offered = embedded(tmp_path / "offered" / name, name)
        store = SimpleNamespace(
            cases=offered, cases_path=offered.path, policy=policy, fingerprint=name, rejected=[], __len__=lambda: 3
        )
        news = News(np.arange(3), offered.study_ids, ["p"] * 3, [])
        cut = SimpleNamespace(encoder=encoder(run), shards=lambda source: [])
        return add(Run(run.path), Addition(store, news, Source("added", store, offered.texts)), cut, {})

    return call


def encoder(run):
    return read_json(run.index / "manifest.json")["encoder"]


def again(run):
    return index_again(Run(run.path), {"encoder": encoder(run), "policy": "open"}, FlatIndex)


def ids(run):
    return Gallery(Run(run.path), encoder(run)).cases.study_ids[3::3]


def test_no_addition_takes_the_place_of_another(run, put):
    for name in "abc":
        put(name)
    kept = verified(run.path / "added" / "3")
    shutil.rmtree(run.path / "added" / "2")
    with pytest.raises(DataError, match=r"added/2 is missing .*: python -m medxpert.embed run="):
        Gallery(run, encoder(run))
    assert again(run)["added"] == ["1", "3"]
    assert put("d")["added"] == ["1", "3", "4"]
    assert verified(run.path / "added" / "3") == kept
    assert ids(run) == ["a0", "c0", "d0"]
    assert again(run)["added"] == ["1", "3", "4"]
    assert ids(run) == ["a0", "c0", "d0"]


def test_an_index_knows_its_additions_from_others_under_their_names(run, put):
    put("a")
    shutil.copyfile(run.path / "embeddings" / "train" / "cases.parquet", run.path / "added" / "1" / "cases.parquet")
    seal(run.path / "added" / "1", {"encoder": encoder(run), "policy": "open"})
    with pytest.raises(DataError, match="built for other studies"):
        Gallery(run, encoder(run))


def test_what_a_killed_process_left_is_indexed_by_its_own_command_alone(run, put, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(adding, "add_to_index", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            put("a")
    assert "added" not in again(run)
    assert "added/1: no index held it" in caplog.text
    assert put("b")["added"] == ["2"]
    assert put("a")["added"] == ["2", "1"]
    assert ids(run) == ["b0", "a0"]


def test_without_an_index_the_provenance_tells_what_was_added(run, put):
    put("a")
    (run.index / "manifest.json").write_text("{")
    stamp = read_json(run.path / "added" / "1" / "manifest.json")
    remade = index_again(Run(run.path), {"encoder": stamp["encoder"], "policy": "open"}, FlatIndex)
    assert (remade["added"], remade["count"]) == (["1"], 6)


def test_a_damaged_addition_is_told_with_what_brings_it_back(run, put):
    put("a")
    assert list(sealed_additions(Run(run.path))) == ["1"]
    (run.path / "added" / "1" / "cases.parquet").write_bytes(b"broken")
    with pytest.raises(
        DataError, match=r"rm -r .*added/1; then this command again, and after it the command that added"
    ):
        sealed_additions(Run(run.path))


@pytest.mark.parametrize(
    ("weights", "offered", "expected"),
    [("open", "open", "open"), ("private", "open", "private"), ("open", "credentialed", "credentialed")],
)
def test_an_addition_is_under_the_policy_of_its_weights_too(run, put, weights, offered, expected):
    card = run.model / "model.json"
    write_json(card, read_json(card) | {"policy": weights})
    assert put("a", offered)["policy"] == expected
    assert verified(run.path / "added" / "1")["policy"] == expected
