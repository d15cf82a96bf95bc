"""Shards of a small store: the same rows as in one go, sealed once, never another encoder's or store's."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxpert.embedding import embed_images, embed_texts
from medxpert.errors import ConfigError, DataError
from medxpert.galleries import shards as module
from medxpert.galleries.merge import merge
from medxpert.galleries.shards import Cut
from medxpert.galleries.share import Share
from medxpert.galleries.source import Source
from medxpert.models.tiny import clip_tiny

TEXTS = ["no effusion", "large effusion", "No  effusion", "heart", "large effusion", "edema", "heart", "new"]


@dataclass(frozen=True)
class Held:
    """Eight studies of one or two images."""

    fingerprint: str = "s"

    @property
    def pixels(self):
        return np.random.default_rng(0).integers(0, 256, (10, 32, 32), np.uint8)

    @property
    def image_rows(self):
        return [np.array(rows) for rows in ([0], [1, 2], [3], [4], [5], [6, 7], [8], [9])]

    def __len__(self):
        return len(TEXTS)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return clip_tiny(image_side=32, image_widths=(4, 8), text_width=32, text_blocks=1, embed_dim=8, vocab_size=600)


@pytest.fixture
def source():
    return Source("train", Held(), TEXTS)


@pytest.fixture
def cut(tmp_path):
    return Cut(tmp_path, "e" * 64, 3)


@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_shards_merge_to_what_one_process_embeds(tmp_path, model, source, size):
    cut = Cut(tmp_path, "e" * 64, size)
    for number in range(2):
        cut.embed(model, [source], Share(number, 2))
    merge(cut.shards(source), tmp_path)
    image, text, truncated = (np.load(tmp_path / f"{name}.npy") for name in ("image", "text", "truncated"))
    assert (image.dtype, text.dtype, truncated.dtype) == (np.float16, np.float16, np.bool_)
    np.testing.assert_allclose(image, embed_images(model, source.store, 64), atol=2e-3)
    np.testing.assert_allclose(text, embed_texts(model, TEXTS, 64), atol=2e-3)
    assert not truncated.any()
    # equal texts tie exactly, whatever shards they stand in
    for first, later in ((0, 2), (1, 4), (3, 6)):
        np.testing.assert_array_equal(text[first], text[later])


def test_one_shard_is_bit_for_bit_what_was_embedded_at_once(tmp_path, model, source):
    cut = Cut(tmp_path, "e" * 64)
    assert cut.embed(model, [source], Share()) == []
    merge(cut.shards(source), tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "image.npy"), embed_images(model, source.store, 64))
    np.testing.assert_array_equal(np.load(tmp_path / "text.npy"), embed_texts(model, TEXTS, 64))


def test_what_is_sealed_is_never_embedded_again(cut, model, source, monkeypatch, caplog):
    missing = cut.embed(model, [source], Share(1, 2))
    assert [str(shard) for shard in missing] == ["train 0..2", "train 6..7"]
    embedded = []
    monkeypatch.setattr(
        module, "embed_images", lambda model, store, size: embedded.append(len(store)) or np.zeros((len(store), 8))
    )
    caplog.set_level("INFO")
    assert cut.embed(model, [source], Share()) == []
    assert embedded == [3, 2]
    assert "part 1/1 goes on: 1 of its 3 shards are there already" in caplog.text


@pytest.mark.parametrize("other", [{"encoder": "f" * 64}, {"size": 4}, {"store": "another"}])
def test_shards_of_another_encoder_store_or_cut_do_not_count(cut, model, source, other):
    cut.embed(model, [source], Share())
    theirs = Source("train", Held(other.get("store", "s")), TEXTS)
    changed = Cut(cut.folder, other.get("encoder", cut.encoder), other.get("size", cut.size))
    assert len(changed.missing([theirs])) == len(changed.shards(theirs))
    assert cut.missing([source]) == []


def test_a_shard_under_the_right_name_must_say_what_it_is(cut, model, source):
    cut.embed(model, [source], Share())
    path = cut.shards(source)[1].folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"encoder": "e" * 63 + "f"}))
    assert [str(shard) for shard in cut.missing([source])] == ["train 3..5"]
    path.write_text("{")
    assert [str(shard) for shard in cut.missing([source])] == ["train 3..5"]


def test_a_damaged_shard_is_told_not_merged(tmp_path, cut, model, source):
    cut.embed(model, [source], Share())
    (cut.shards(source)[2].folder / "image.npy").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"not what was written .*: rm -r .*, then the same command"):
        merge(cut.shards(source), tmp_path)


def test_clearing_takes_ones_own_and_what_other_weights_left(cut, model, source):
    old, test = Cut(cut.folder, "f" * 64, 3), Source("test", Held("t"), TEXTS)
    for one, sources in ((cut, [source, test]), (old, [source])):
        one.embed(model, sources, Share())
    cut.clear([source])
    assert [path.name.partition("-")[0] for path in (cut.folder / ".parts").iterdir()] == ["test"]
    cut.clear([test])
    assert not (cut.folder / ".parts").exists()


def test_every_shard_is_somebodys_own():
    source = SimpleNamespace(name="x", store=Held())
    cut = Cut(Path("x"), "e", 1)
    owned = [shard.start for number in range(3) for shard in cut._own([source], Share(number, 3))]
    assert sorted(owned) == list(range(8))


def test_a_shard_of_nothing(tmp_path):
    with pytest.raises(ConfigError, match=r"shard_studies=0 must be at least 1"):
        Cut(tmp_path, "e", 0)
