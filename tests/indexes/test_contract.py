"""What every index promises, whatever it is built on."""

import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError


def unit(rng, num_rows, width=24):
    vectors = rng.standard_normal((num_rows, width), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def make(implementation):
    def build(vectors):
        index = implementation.make()
        index.build(vectors)
        return index

    return build


def brute_force(vectors, queries, top_k, allowed=None):
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
    return np.take_along_axis(scores, rows, axis=1), rows


@pytest.mark.parametrize("num_queries", [1, 7, 40])
@pytest.mark.parametrize("num_rows", [1, 5, 301])
def test_equals_brute_force(make, rng, num_rows, num_queries):
    vectors, queries = unit(rng, num_rows), unit(rng, num_queries)
    top_k = min(5, num_rows)
    scores, rows = brute_force(vectors, queries, top_k)
    found = make(vectors).search(queries, top_k)
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_array_equal(found.rows, rows)
    assert found.scores.dtype == np.float32
    assert found.rows.dtype == np.int64


@pytest.mark.parametrize("num_queries", [1, 40])
def test_masked_equals_brute_force(make, rng, num_queries):
    vectors, queries = unit(rng, 203), unit(rng, num_queries)
    allowed = rng.random(203) < 0.4
    found = make(vectors).search(queries, 6, allowed)
    scores, rows = brute_force(vectors, queries, 6, allowed)
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_array_equal(found.rows, rows)


@pytest.mark.parametrize("num_allowed", [0, 2])
def test_missing_places_when_fewer_are_allowed(make, rng, num_allowed):
    allowed = np.arange(50) < num_allowed
    found = make(unit(rng, 50)).search(unit(rng, 3), 4, allowed)
    assert (found.rows[:, num_allowed:] == -1).all()
    assert np.isneginf(found.scores[:, num_allowed:]).all()
    assert {frozenset(row) for row in found.rows[:, :num_allowed].tolist()} == {frozenset(range(num_allowed))}


def test_missing_places_when_the_index_is_small(make, rng):
    found = make(unit(rng, 2)).search(unit(rng, 1), 3)
    assert found.rows[0, 2] == -1
    assert np.isneginf(found.scores[0, 2])


def test_duplicates_are_all_found(make, rng):
    vectors = unit(rng, 30)
    vectors[[4, 17]] = vectors[9]
    found = make(vectors).search(vectors[9:10], 3)
    assert set(found.rows[0].tolist()) == {4, 9, 17}
    np.testing.assert_allclose(found.scores, 1, atol=1e-5)


def test_save_and_load(make, rng, tmp_path):
    vectors, queries = unit(rng, 60), unit(rng, 4)
    index = make(vectors)
    index.save(tmp_path / "index")
    again = type(index)()
    again.load(tmp_path / "index")
    for allowed in (None, np.arange(60) % 2 == 0):
        before, after = index.search(queries, 5, allowed), again.search(queries, 5, allowed)
        np.testing.assert_array_equal(after.rows, before.rows)
        np.testing.assert_array_equal(after.scores, before.scores)


def test_added_vectors_are_found_behind_those_already_there(make, rng, tmp_path):
    vectors, queries = unit(rng, 90), unit(rng, 5)
    index = make(vectors[:60])
    index.save(tmp_path / "index")
    opened = type(index)()
    opened.load(tmp_path / "index")
    for one in (index, opened):
        one.add(vectors[60:])
        np.testing.assert_array_equal(one.search(queries, 4).rows, brute_force(vectors, queries, 4)[1])
    opened.save(tmp_path / "index")
    again = type(index)()
    again.load(tmp_path / "index")
    np.testing.assert_array_equal(again.search(queries, 4).rows, brute_force(vectors, queries, 4)[1])


@pytest.mark.parametrize(
    ("vectors", "message"),
    [(np.ones((2, 8), np.float32), "expected width 24"), (np.full((2, 24), np.nan, np.float32), "found NaN")],
)
def test_bad_additions(make, rng, vectors, message):
    with pytest.raises(DataError, match=message):
        make(unit(rng, 10)).add(vectors)


def test_what_was_tuned_is_told_again_after_loading(make, rng, tmp_path):
    index = make(unit(rng, 40))
    index.save(tmp_path / "index")
    again = type(index)()
    again.load(tmp_path / "index")
    assert dict(again.tuned) == dict(index.tuned)


def test_the_vectors_given_may_change_afterwards(make, rng):
    vectors = unit(rng, 20)
    query = vectors[3:4].copy()
    index = make(vectors)
    vectors[:] = 0
    assert index.search(query, 1).rows[0, 0] == 3


@pytest.mark.parametrize(
    ("queries", "top_k", "allowed", "error", "message"),
    [
        (np.ones((1, 24), np.float32), 0, None, ConfigError, "top_k: expected at least 1, found 0"),
        (np.ones((1, 8), np.float32), 1, None, DataError, "expected width 24 as in the index, found 8"),
        (np.ones(24, np.float32), 1, None, DataError, r"expected a matrix \[N, D\], found shape \[24\]"),
        (np.full((1, 24), np.nan, np.float32), 1, None, DataError, "found NaN or infinity"),
        (np.ones((1, 24), np.float32), 1, np.ones(9, bool), DataError, r"expected bool \[10\], found bool \[9\]"),
        (np.ones((1, 24), np.float32), 1, np.ones(10, int), DataError, r"expected bool \[10\], found int64"),
    ],
)
def test_bad_searches(make, rng, queries, top_k, allowed, error, message):
    index = make(unit(rng, 10))
    with pytest.raises(error, match=message):
        index.search(queries, top_k, allowed)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((0, 24), np.float32), r"at least one \[N, D\], found shape \[0, 24\]"),
        (np.ones(24, np.float32), r"expected a matrix \[N, D\]"),
        (np.full((2, 24), np.inf, np.float32), "found NaN or infinity"),
    ],
)
def test_bad_vectors(make, vectors, message):
    with pytest.raises(DataError, match=message):
        make(vectors)


@pytest.mark.parametrize(("content", "message"), [(None, "no such index"), (b"hello" * 9, "broken index")])
def test_bad_files(make, rng, tmp_path, content, message):
    path = tmp_path / "index"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        make(unit(rng, 3)).load(path)


def test_truncated_file(implementation, make, rng, tmp_path):
    if not implementation.holds_vectors:
        pytest.skip("the vectors lie elsewhere")
    index, path = make(unit(rng, 30)), tmp_path / "index"
    index.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="broken index"):
        index.load(path)
