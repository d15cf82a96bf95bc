import logging

import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.folders import verified
from medxpert.indexes import approximate
from medxpert.indexes.adding import add_to_index, open_index
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.ivf import IVFIndex
from medxpert.indexes.writing import write_index


class Rows:
    def __init__(self, seed, count):
        rows = np.random.default_rng(seed).standard_normal((2, count, 4))
        self.image, self.text = (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float16)


def both(first, second):
    whole = Rows(0, 0)
    whole.image, whole.text = (
        np.concatenate([getattr(one, side) for one in (first, second)]) for side in ("image", "text")
    )
    return whole


@pytest.mark.parametrize("at_a_time", [3, 100])
def test_added_studies_are_found_as_if_they_had_been_there(tmp_path, monkeypatch, at_a_time):
    monkeypatch.setattr("medxpert.indexes.adding._AT_A_TIME", at_a_time)
    old, new, fields = Rows(0, 5), Rows(1, 7), {"encoder": "e", "policy": "open", "split": "train"}
    write_index(tmp_path / "grown", FlatIndex, old, fields)
    write_index(tmp_path / "whole", FlatIndex, both(old, new), fields)
    add_to_index(tmp_path / "grown", new, {"policy": "private", "added": ["1"]}, "cure")
    manifest = verified(tmp_path / "grown")
    assert (manifest["count"], manifest["policy"], manifest["added"], manifest["encoder"]) == (
        12,
        "private",
        ["1"],
        "e",
    )
    for match in ("image", "text", "both"):
        grown, whole = (open_index(manifest, tmp_path / name / f"{match}.index") for name in ("grown", "whole"))
        found, expected = (index.search(np.eye(4, dtype=np.float32), 12) for index in (grown, whole))
        np.testing.assert_array_equal(found.rows, expected.rows)
        np.testing.assert_array_equal(found.scores, expected.scores)


def test_what_does_not_fit_leaves_the_index_as_it_was(tmp_path):
    write_index(tmp_path / "index", FlatIndex, Rows(0, 5), {"encoder": "e", "policy": "open"})
    before = verified(tmp_path / "index")
    wide = Rows(1, 2)
    wide.image = wide.text = np.ones((2, 5), np.float16)
    with pytest.raises(DataError):
        add_to_index(tmp_path / "index", wide, {}, "cure")
    assert verified(tmp_path / "index") == before
    (tmp_path / "index" / "both.index").write_bytes(b"")
    with pytest.raises(DataError, match=r"make it again: cure"):
        add_to_index(tmp_path / "index", Rows(1, 2), {}, "cure")


def test_an_index_that_grew_much_is_told_with_its_match_and_the_cure(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(approximate, "FEW", 200)
    monkeypatch.setattr("medxpert.indexes.adding._AT_A_TIME", 60)
    write_index(tmp_path / "index", IVFIndex, Rows(0, 200), {"encoder": "e", "policy": "open"})
    caplog.set_level(logging.WARNING, "medxpert")
    caplog.clear()
    add_to_index(tmp_path / "index", Rows(1, 80), {}, "the cure")
    assert not caplog.records
    add_to_index(tmp_path / "index", Rows(2, 120), {}, "the cure")
    grown = "tuned for 200 vectors, it holds 400; build it again: the cure"
    assert [record.getMessage() for record in caplog.records] == [
        f"IVFIndex, match={match}: {grown}" for match in ("image", "text", "both")
    ]
