import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.metrics.ranking import hits
from medxpert.metrics.relevance import Relevance, rank, rank_all


def naive(scores, query_groups, gallery_groups):
    """One row (better, tied, relevant_tied, relevant) per query."""
    result = []
    for row, group in zip(scores, query_groups, strict=True):
        mine = [one == group for one in gallery_groups]
        best = max(score for score, is_mine in zip(row, mine, strict=True) if is_mine)
        tied = [is_mine for score, is_mine in zip(row, mine, strict=True) if score == best]
        result.append([sum(row > best), len(tied), sum(tied), sum(mine)])
    return result


def as_rows(ranks):
    return np.stack([ranks.better, ranks.tied, ranks.relevant_tied, ranks.relevant], axis=1).tolist()


def test_hand_written_matrix():
    # Scores are the queries themselves, for the gallery is the identity.
    scores = np.array(
        [
            [0.9, 0.1, 0.2, 0.3],  # item 0 is first
            [0.9, 0.5, 0.5, 0.1],  # items 1 and 2 share the second and third place
            [0.1, 0.2, 0.0, 0.3],  # item 2 is last
            [0.4, 0.4, 0.4, 0.4],  # all tied
        ],
        np.float32,
    )
    ranks = rank(scores, np.eye(4, dtype=np.float32), np.arange(4), np.arange(4))
    assert as_rows(ranks) == [[0, 1, 1, 1], [1, 2, 1, 1], [3, 1, 1, 1], [0, 4, 1, 1]]
    expected = [[1, 1, 1], [0, 0.5, 1], [0, 0, 0], [0.25, 0.5, 0.75]]
    np.testing.assert_allclose(hits(ranks, (1, 2, 3)), expected)
    same = rank(scores, np.eye(4, dtype=np.float32), np.array(list("abab")), np.array(list("abab")))
    assert as_rows(same) == [[0, 1, 1, 2], [1, 2, 1, 2], [2, 1, 1, 2], [0, 4, 2, 2]]


@pytest.mark.parametrize("chunk", [1, 3, 256])
@pytest.mark.parametrize("seed", range(5))
def test_ragged_sizes_ties_and_duplicates(chunk, seed):
    generator = np.random.default_rng(seed)
    queries = generator.integers(-2, 3, (11, 3)).astype(np.float32)
    gallery = generator.integers(-2, 3, (13, 3)).astype(np.float32)
    gallery_groups = generator.integers(0, 5, 13)
    query_groups = generator.choice(gallery_groups, 11)
    ranks = rank(queries, gallery, query_groups, gallery_groups, chunk)
    assert as_rows(ranks) == naive(queries @ gallery.T, query_groups, gallery_groups)
    assert ranks.pool == 13


def test_equal_vectors_tie_whatever_their_column():
    generator = np.random.default_rng(0)
    queries = generator.standard_normal((67, 93)).astype(np.float32)
    gallery = np.repeat(generator.standard_normal((29, 93)).astype(np.float32), 3, axis=0)
    ranks = rank(queries, gallery, np.arange(67) % 87, np.arange(87), chunk=10)
    assert (ranks.tied == 3).all()
    assert (ranks.better % 3 == 0).all()


def test_several_relevances_share_one_pass():
    generator = np.random.default_rng(3)
    queries = generator.integers(-1, 2, (5, 4)).astype(np.float32)
    gallery = generator.integers(-1, 2, (6, 4)).astype(np.float32)
    # Queries come out of order and more of them than a chunk share a vector; items repeat vectors.
    rows, items = np.array([4, 0, 0, 0, 2, 0, 1]), np.array([5, 1, 1, 0, 3, 2, 4, 4])
    groups, item_groups = np.array([0, 1, 2, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2, 1, 0])
    many = Relevance(rows, groups, items, item_groups)
    plain = Relevance(np.arange(5), np.arange(5), np.arange(6), np.arange(6))
    expected = naive((queries @ gallery.T)[rows][:, items], groups, item_groups)
    for chunk in (1, 2, 3, 100):
        first, second = rank_all(queries, gallery, [many, plain], chunk)
        assert as_rows(first) == expected
        assert first.pool == 8
        assert as_rows(second) == naive(queries @ gallery.T, range(5), range(6))


ROWS = np.eye(3, dtype=np.float32)
NAN, INFINITE = np.full_like(ROWS, np.nan), np.full_like(ROWS, np.inf)


@pytest.mark.parametrize(
    ("queries", "gallery", "query_groups", "gallery_groups", "message"),
    [
        (ROWS, ROWS, [0, 7, 8], [0, 1, 2], "query 1 has no relevant gallery item"),
        (NAN, ROWS, [0, 1, 2], [0, 1, 2], "query embeddings: row 0 of 3 is not finite"),
        (ROWS, INFINITE, [0, 1, 2], [0, 1, 2], "gallery embeddings: row 0 of 3 is not finite"),
        (ROWS, ROWS, [0, 1], [0, 1, 2], "query embeddings: expected 2 rows"),
        (ROWS, ROWS, [0, 1, 2], [0, 1], "gallery embeddings: expected 2 rows"),
        (ROWS, ROWS[:, :2], [0, 1, 2], [0, 1, 2], "found 3 and 2"),
    ],
)
def test_bad_input(queries, gallery, query_groups, gallery_groups, message):
    with pytest.raises(DataError, match=message):
        rank(queries, gallery, np.array(query_groups), np.array(gallery_groups))
