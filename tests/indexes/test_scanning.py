"""Bounds spare comparisons and change no answer."""

import faiss
import numpy as np
import pytest

from medxpert.indexes import flat, scanning
from medxpert.indexes.scanning import directions, scan


def falling(num_rows, width=128, power=1.5, seed=0):
    """Unit rows whose variance falls with the direction, the directions being none of the axes."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(np.random.default_rng(9).standard_normal((width, width)))[0]
    rows = (rng.standard_normal((num_rows, width)) * np.arange(1, width + 1) ** -power) @ rotation
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(scanning, "_FIRST", 300)
    monkeypatch.setattr(scanning, "_TILE", 256)
    monkeypatch.setattr(scanning, "_AT_ONCE", 20)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("power", [0.0, 1.5])
@pytest.mark.parametrize("top_k", [1, 10])
@pytest.mark.parametrize("num_rows", [200, 301, 1500])
def test_equals_the_comparison_with_all(bf16, power, top_k, num_rows):
    vectors, queries = falling(num_rows, power=power), falling(37, power=power, seed=1)
    scores, rows = faiss.knn(queries, vectors, top_k, metric=faiss.METRIC_INNER_PRODUCT)
    found = scan(queries, vectors, top_k, directions(vectors, bf16))
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_array_equal(found.rows, rows)
    assert found.rows.dtype == np.int64
    assert found.scores.dtype == np.float32


def test_more_neighbours_than_rows():
    vectors, queries = falling(4), falling(3, seed=1)
    found = scan(queries, vectors, 6, directions(vectors, False))
    assert (np.sort(found.rows[:, :4], axis=1) == np.arange(4)).all()
    assert (found.rows[:, 4:] == -1).all()
    assert np.isneginf(found.scores[:, 4:]).all()


@pytest.mark.parametrize("bf16", [False, True])
def test_bounds_are_never_below_the_truth(bf16):
    vectors, queries = falling(500) * 3, falling(60, seed=1) * 2
    prepared = directions(vectors, bf16)
    assert prepared.rows.shape[1] < 128
    asked = scanning._along(queries, prepared.basis)
    slack = prepared.rounding * prepared.longest * np.linalg.norm(asked, axis=1, keepdims=True)
    assert (prepared.product(asked, prepared.rows) + slack >= queries @ vectors.T).all()


def test_bounds_hold_where_every_rounding_goes_the_same_way():
    row = np.zeros((1, 64), np.float32)
    row[0, :3], row[0, 3:18] = 0.5 * (1 + 2**-8) - 1e-6, 0.125 * (1 + 2**-8) - 1e-6  # bfloat16 takes all of 2**-8 away
    for rest in np.linspace(0, 0.09, 200, dtype=np.float32):
        row[0, 18] = rest
        allowed = scanning._BF16_ROUNDING * (row[0] @ row[0])
        assert scanning._bf16_product(row, row)[0, 0] + allowed >= row[0] @ row[0]


def test_rows_that_lie_in_the_first_directions_alone_keep_their_bounds():
    flat_rows = falling(600).copy()
    basis = np.linalg.qr(np.random.default_rng(2).standard_normal((128, 8)))[0].astype(np.float32)
    vectors = flat_rows @ basis @ basis.T
    prepared = directions(vectors, False)
    bounds = prepared.product(scanning._along(vectors, prepared.basis), prepared.rows)
    assert (bounds >= vectors @ vectors.T).all()


def test_few_pairs_are_compared(monkeypatch):
    vectors, queries = falling(2000), falling(64, seed=1)
    compared = []
    original = scanning._pairs_compared
    monkeypatch.setattr(scanning, "_pairs_compared", lambda *given: compared.append(len(given[2])) or original(*given))
    scan(queries, vectors, 5, directions(vectors, False))
    assert 0 < sum(compared) < 0.05 * 64 * 2000


def test_rows_without_falling_directions_serve_as_their_own_bounds():
    vectors = falling(2000, power=0.0)
    prepared = directions(vectors, False)
    assert prepared.basis is None
    assert prepared.rows is vectors


@pytest.mark.parametrize("length", [8, 13, 64])
def test_places_of_bounds_that_reach_the_limit(length):
    bounds = np.random.default_rng(0).random((5, length), dtype=np.float32)
    limits = np.array([0.9, 0.5, 2, 0.99, -1])
    np.testing.assert_array_equal(scanning._at_least(bounds, limits), np.flatnonzero(bounds >= limits[:, None]))


@pytest.mark.parametrize("mapped", [False, True])
def test_the_flat_index_uses_them_for_many_queries(monkeypatch, mapped, tmp_path):
    monkeypatch.setattr(flat, "_LARGE", 1000)
    monkeypatch.setattr(flat, "_PAYS", 256)
    vectors, queries = falling(2000), falling(128, seed=1)
    index = flat.FlatIndex()
    index.build(vectors)
    if mapped:
        index.save(tmp_path / "index")
        index.load(tmp_path / "index")
    scores, rows = faiss.knn(queries, vectors, 5, metric=faiss.METRIC_INNER_PRODUCT)
    for prepared in (False, False, True):
        found = index.search(queries, 5)
        assert (index._prepared is not None) is prepared
        np.testing.assert_array_equal(found.rows, rows)
        np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    index.add(queries)
    np.testing.assert_array_equal(index.search(queries, 1).rows[:, 0], 2000 + np.arange(128))
