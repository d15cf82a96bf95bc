"""Exchange tests of differences between ratios."""

from itertools import product

import numpy as np
import pytest

from medxpert.metrics.exchange import exchange_p


def _ratio(table):
    """Return the ratio of two summed columns of a table [2 P, 2]."""

    def estimate(counts):
        sums = counts @ table
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(sums[:, 1:] > 0, sums[:, :1] / sums[:, 1:], np.nan)

    return estimate


def test_agrees_with_every_exchange_listed_by_hand():
    rng = np.random.default_rng(3)
    patients = 8
    table = np.stack([rng.integers(0, 4, 2 * patients), rng.integers(4, 9, 2 * patients)], axis=1).astype(float)
    table[:patients, 0] += 2

    def difference(kept):
        first = np.where(np.array(kept)[:, None], table[:patients], table[patients:]).sum(axis=0)
        second = np.where(np.array(kept)[:, None], table[patients:], table[:patients]).sum(axis=0)
        return abs(first[0] / first[1] - second[0] / second[1])

    found = difference([True] * patients)
    exact = np.mean([difference(kept) >= found - 1e-9 for kept in product([True, False], repeat=patients)])
    p = exchange_p(_ratio(table), patients, draws=20_000)[0]
    assert 0.001 < exact < 0.2
    assert p == pytest.approx(exact, abs=0.01)


def test_equal_answers_cannot_be_told_apart():
    table = np.tile(np.array([[1.0, 2.0], [0, 1], [3, 3]]), (2, 1))
    assert exchange_p(_ratio(table), 3, draws=50).tolist() == [1.0]


def test_a_clear_difference_reaches_the_least_p_the_draws_can_give():
    table = np.repeat([[9.0, 10.0], [1.0, 10.0]], 60, axis=0)
    assert exchange_p(_ratio(table), 60, draws=99).tolist() == [0.01]


def test_an_undefined_difference_has_no_p():
    table = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert np.isnan(exchange_p(_ratio(table), 1, draws=9)).all()


def test_exchanges_that_are_undefined_count_against_a_difference():
    # without the exchange 1/1 against 0/1; one patient of each contender said nothing, so half the exchanges are empty
    table = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert exchange_p(_ratio(table), 2, draws=199)[0] == 1.0


def test_the_seed_decides():
    rng = np.random.default_rng(0)
    table = np.stack([rng.random(40), np.ones(40)], axis=1)
    one, same, other = (exchange_p(_ratio(table), 20, draws=100, seed=seed)[0] for seed in (1, 1, 2))
    assert one == same != other
