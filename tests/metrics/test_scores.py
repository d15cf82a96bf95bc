import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.metrics.scores import best_columns, blocks, check_rows, check_widths, distinct, top_k


def random_rows(num_rows, width=5, seed=0):
    return np.random.default_rng(seed).standard_normal((num_rows, width)).astype(np.float32)


def naive_top_k(scores, k):
    return [sorted(range(len(row)), key=lambda column: (-row[column], column))[:k] for row in scores]


def test_distinct_rows_rebuild_the_matrix():
    rows = random_rows(6)[[3, 1, 3, 0, 1]]
    vectors, of = distinct(rows)
    assert len(vectors) == 3
    assert of.tolist() == [0, 1, 0, 2, 1]
    np.testing.assert_array_equal(vectors[of], rows)


def test_distinct_converts_half_precision():
    vectors, of = distinct(random_rows(4).astype(np.float16))
    assert vectors.dtype == np.float32
    assert of.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("chunk", [1, 3, 11, 50])
def test_blocks_cover_every_query_once(chunk):
    queries, gallery = random_rows(11), random_rows(7, seed=1)
    found = np.full((11, 7), np.nan)
    for rows, scores in blocks(queries, gallery, chunk):
        found[rows] = scores
    np.testing.assert_allclose(found, queries @ gallery.T, atol=1e-5)


def test_best_columns_break_ties_by_column():
    scores = np.array([[1, 3, 2, 3, 2, 2], [0, 0, 0, 0, 0, 0], [5, 4, 3, 2, 1, 0]], np.float32)
    assert best_columns(scores, 4).tolist() == [[1, 3, 2, 4], [0, 1, 2, 3], [0, 1, 2, 3]]


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_best_columns_match_a_sort(k):
    scores = np.random.default_rng(2).integers(0, 4, (20, 9)).astype(np.float32)
    assert best_columns(scores, k).tolist() == naive_top_k(scores, k)


def test_top_k_across_chunks():
    queries, gallery = random_rows(11), random_rows(8, seed=1)[[0, 1, 2, 1, 4, 5, 1]]
    found = top_k(queries, gallery, 5, chunk=3)
    scores = (queries.astype(np.float64) @ gallery.T.astype(np.float64)).round(6)
    assert found.rows.tolist() == naive_top_k(scores, 5)
    np.testing.assert_allclose(found.scores, np.take_along_axis(scores, found.rows, axis=1), atol=1e-5)


def test_top_k_is_cut_to_the_gallery():
    assert top_k(random_rows(2), random_rows(3), 10).rows.shape == (2, 3)


def test_memory_mapped_half_precision(tmp_path):
    rows = random_rows(9).astype(np.float16)
    np.save(tmp_path / "image.npy", rows)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    np.testing.assert_array_equal(top_k(mapped, mapped, 3, chunk=2).rows, top_k(rows, rows, 3).rows)


def with_value(value, row):
    rows = random_rows(300)
    rows[row, 2] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "num_rows", "message"),
    [
        (with_value(np.nan, 280), None, "image embeddings: row 280 of 300 is not finite"),
        (with_value(np.inf, 0), None, "image embeddings: row 0 of 300 is not finite"),
        (random_rows(3), 4, "image embeddings: expected 4 rows, one per study, found 3"),
        (np.empty((0, 5), np.float32), None, r"non-empty matrix \[N, D\], found shape \(0, 5\)"),
        (np.ones(5, np.float32), None, r"non-empty matrix \[N, D\], found shape \(5,\)"),
    ],
)
def test_embeddings_that_cannot_be_ranked(rows, num_rows, message):
    with pytest.raises(DataError, match=message):
        check_rows("image embeddings", rows, num_rows)


def test_embeddings_of_two_spaces():
    with pytest.raises(DataError, match="found 5 and 4"):
        check_widths(random_rows(2, 5), random_rows(2, 4))
