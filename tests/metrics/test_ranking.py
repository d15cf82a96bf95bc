from itertools import permutations
from math import comb

import numpy as np
import pytest

from medxpert.metrics.ranking import Ranks, fractions, hits, places, positions, reciprocals

CASES = [
    # better, tied, relevant_tied
    (0, 1, 1),
    (3, 1, 1),
    (0, 4, 1),
    (1, 4, 2),
    (2, 3, 3),
    (0, 6, 2),
    (0, 6, 6),
    (4, 2, 1),
    (1, 5, 3),
]


def ranks(cases, pool=6):
    better, tied, relevant = np.array(cases, np.int64).reshape(-1, 3).T
    return Ranks(better, tied, relevant, relevant, pool)


def places_of_first_relevant(better, tied, relevant):
    """Place of the first relevant item in every order of the tied group."""
    group = [True] * relevant + [False] * (tied - relevant)
    return np.array([better + 1 + order.index(True) for order in permutations(group)])


@pytest.mark.parametrize("case", CASES)
def test_expectations_match_every_order_of_the_ties(case):
    places, cutoffs = places_of_first_relevant(*case), (1, 2, 3, 4, 5, 6)
    one = ranks([case])
    np.testing.assert_allclose(hits(one, cutoffs)[0], [(places <= k).mean() for k in cutoffs], atol=1e-12)
    np.testing.assert_allclose(positions(one), places.mean())
    np.testing.assert_allclose(reciprocals(one), (1 / places).mean())


def test_all_cases_at_once_equal_each_alone():
    together = ranks(CASES)
    np.testing.assert_array_equal(hits(together, (1, 5)), np.vstack([hits(ranks([c]), (1, 5)) for c in CASES]))
    np.testing.assert_array_equal(reciprocals(together), [reciprocals(ranks([c]))[0] for c in CASES])


@pytest.mark.parametrize("cutoff", [1, 5, 10, 100])
def test_one_relevant_item_in_a_tie_is_a_clipped_fraction(cutoff):
    better, tied = np.mgrid[0:30, 1:120].reshape(2, -1)
    one = Ranks(better, tied, np.ones_like(tied), np.ones_like(tied), 200)
    expected = np.clip((cutoff - better) / tied, 0, 1)
    np.testing.assert_allclose(hits(one, (cutoff,))[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize("cutoff", [1, 5, 10, 50, 100])
def test_chance_is_the_hypergeometric_hit(cutoff):
    pool, relevant = 3000, np.array([1, 2, 40, 2950, 3000])
    zero, one = np.zeros_like(relevant), np.ones_like(relevant)
    chance = hits(Ranks(zero, one, one, relevant, pool).at_chance(), (cutoff,))[:, 0]
    expected = [1 - comb(pool - m, cutoff) / comb(pool, cutoff) for m in relevant.tolist()]
    np.testing.assert_allclose(chance, expected, rtol=1e-10)


def test_cutoffs_keep_their_order():
    assert hits(ranks([(1, 1, 1)]), (5, 1)).tolist() == [[1.0, 0.0]]
    assert hits(ranks([(1, 1, 1)]), ()).shape == (1, 0)


def test_fractions_leave_out_cutoffs_beyond_the_pool():
    found = fractions(ranks([(0, 1, 1), (1, 2, 1)]), (1, 6, 7))
    assert {name: values.tolist() for name, values in found.items()} == {
        "recall@1": [1, 0],
        "recall@6": [1, 1],
        "mrr": [1, pytest.approx((1 / 2 + 1 / 3) / 2)],
    }


def test_rsum_is_out_of_300():
    found = places(ranks([(0, 1, 1), (4, 1, 1), (9, 1, 1), (10, 1, 1)], pool=11))
    assert found["rsum"].tolist() == [300, 200, 100, 0]
    assert found["mean_rank"].tolist() == [1, 5, 10, 11]
    assert sorted(places(ranks([(0, 1, 1)], pool=9))) == ["mean_rank"]


def test_take_by_mask_and_by_rows():
    some = ranks(CASES)
    by_rows = some.take(np.array([2, 1]))
    assert by_rows.tied.tolist() == [4, 1]
    assert by_rows.pool == 6
    mask = np.zeros(len(CASES), bool)
    mask[[1, 2]] = True
    assert some.take(mask).tied.tolist() == [1, 4]
