"""What is written beside the indexes of a run."""

import json
import logging
from typing import NamedTuple

import numpy as np
import pytest

from medxpert.indexes import approximate
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.ivf import IVFIndex
from medxpert.indexes.scalar import ScalarIndex
from medxpert.indexes.writing import write_index

FIELDS = {"encoder": "e", "policy": "open", "split": "train"}


class Rows(NamedTuple):
    image: np.ndarray
    text: np.ndarray


@pytest.fixture
def rows():
    drawn = np.random.default_rng(0).standard_normal((2, 300, 8))
    return Rows(*(drawn / np.linalg.norm(drawn, axis=2, keepdims=True)).astype(np.float16))


def tuned(folder):
    return json.loads((folder / "manifest.json").read_text())["tuned"]


@pytest.fixture
def expected(monkeypatch):
    """What the indexes were told to expect."""
    monkeypatch.setattr(approximate, "FEW", 100)
    told = []
    original = IVFIndex.expect
    monkeypatch.setattr(IVFIndex, "expect", lambda *given: told.append(given[1:]) or original(*given))
    return told


def check_asking(expected, asking):
    assert len(expected) == 3  # whatever is compared
    for queries, _, kinds in expected:
        assert kinds.tolist() == [0, 1] * len(asking.image)
        for kind, side in enumerate(asking):
            asked, given = queries[kinds == kind], side.astype(np.float32)
            np.testing.assert_allclose(asked[np.lexsort(asked.T)], given[np.lexsort(given.T)], atol=1e-3)


def test_every_index_is_tuned_to_images_and_texts_that_are_not_in_it(rows, expected, tmp_path):
    unseen = Rows(rows.text[:150, ::-1], rows.image[:150, ::-1])
    write_index(tmp_path / "index", IVFIndex, rows, FIELDS, unseen)
    check_asking(expected, unseen)
    assert all((own == -1).all() for _, own, _ in expected)
    for measured in tuned(tmp_path / "index").values():
        assert measured["recall@10"] >= 0.98
        assert measured["queries"] == 150
        assert measured["asked"] == "studies that are not indexed"


@pytest.mark.parametrize("num_unseen", [None, 50])
def test_indexed_studies_ask_where_too_few_others_are_there(rows, expected, num_unseen, tmp_path):
    unseen = None if num_unseen is None else Rows(*(side[:num_unseen] for side in rows))
    write_index(tmp_path / "index", IVFIndex, rows, FIELDS, unseen)
    check_asking(expected, rows)
    for queries, own, kinds in expected:
        for kind, side in enumerate(rows):
            np.testing.assert_allclose(queries[kinds == kind], side[own[kinds == kind]], atol=1e-3)
    assert "each without itself" in tuned(tmp_path / "index")["both"]["asked"]


@pytest.mark.parametrize(("few", "told"), [(100, "recall@10 "), (1000, "as there are fewer than 1000")])
@pytest.mark.parametrize("make", [IVFIndex, ScalarIndex])
def test_what_was_measured_is_told_once_for_each_match(rows, make, few, told, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(approximate, "FEW", few)
    with caplog.at_level(logging.INFO, "medxpert"):
        write_index(tmp_path / "index", lambda: make(recall=1.0), rows, FIELDS)
    lines = [record.getMessage() for record in caplog.records]
    names = [f"{make.__name__}, match={match}: " for match in ("image", "text", "both")]
    assert [line.startswith(name) and told in line for line, name in zip(lines, names, strict=True)] == [True] * 3


def test_an_exact_index_has_nothing_to_tell(rows, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "medxpert"):
        write_index(tmp_path / "index", FlatIndex, rows, FIELDS)
    assert not caplog.records
    assert tuned(tmp_path / "index") == {"image": {}, "text": {}, "both": {}}
