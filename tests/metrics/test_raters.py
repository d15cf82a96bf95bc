"""Agreement of readers against published figures, a library, and definitions written out."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from medxpert.errors import DataError
from medxpert.metrics.raters import intraclass, weighted_kappa

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
"""Table 2 of Shrout & Fleiss, Psychological Bulletin 1979: six targets, four judges."""


def test_the_published_correlations_come_out():
    found = intraclass(SHROUT_FLEISS)

    assert found.single == pytest.approx(0.29, abs=0.005)
    assert found.average == pytest.approx(0.62, abs=0.005)
    # the intervals that other programs print for this table
    assert (found.single_low, found.single_high) == pytest.approx((0.019, 0.761), abs=0.001)
    assert (found.average_low, found.average_high) == pytest.approx((0.071, 0.927), abs=0.001)
    assert (found.num_targets, found.num_readers) == (6, 4)


def test_the_correlation_is_that_of_an_analysis_of_variance():
    ratings = np.random.default_rng(3).normal(size=(9, 3)) + np.arange(9)[:, None] / 3 + np.array([0, 0.5, -0.2])
    n, k = ratings.shape
    mean = ratings.mean()
    between = k * sum((row.mean() - mean) ** 2 for row in ratings) / (n - 1)
    readers = n * sum((ratings[:, j].mean() - mean) ** 2 for j in range(k)) / (k - 1)
    error = sum(
        (ratings[i, j] - ratings[i].mean() - ratings[:, j].mean() + mean) ** 2 for i in range(n) for j in range(k)
    ) / ((n - 1) * (k - 1))

    found = intraclass(ratings)

    assert found.single == pytest.approx((between - error) / (between + (k - 1) * error + k * (readers - error) / n))
    assert found.average == pytest.approx((between - error) / (between + (readers - error) / n))
    assert found.single_low < found.single < found.single_high


def test_targets_that_a_reader_left_out_do_not_count():
    ragged = np.vstack([SHROUT_FLEISS, [1, 10, np.nan, 3]])

    assert intraclass(ragged) == intraclass(SHROUT_FLEISS)


@pytest.mark.parametrize("ratings", [np.ones((5, 3)), np.ones((1, 3)), np.ones((5, 1)), np.full((4, 2), np.nan)])
def test_a_correlation_of_nothing_is_not_known(ratings):
    assert np.isnan(intraclass(ratings).single)


@pytest.mark.parametrize("levels", [[1, 3, 4], [1, 2, 5, 5, 3, 1, 1], [0.1, 0.2, 0.7]])
def test_readers_who_agree_in_all_have_a_correlation_of_one_and_no_interval(levels):
    found = intraclass(np.repeat(np.array(levels, float)[:, None], 3, axis=1))

    assert (found.single, found.average) == pytest.approx((1, 1))
    assert np.isnan([found.single_low, found.single_high, found.average_low, found.average_high]).all()


@pytest.mark.parametrize("steps", [[0, 1], [0, 1, 3], [0, 2, 0, 0]])
def test_readers_who_differ_by_a_step_alone_leave_the_interval_that_little_noise_comes_close_to(steps):
    ratings = np.array([1.0, 2, 4, 5])[:, None] + np.array(steps)
    noise = np.random.default_rng(0).normal(scale=1e-5, size=ratings.shape)
    found = intraclass(ratings)

    assert found[:6] == pytest.approx(intraclass(ratings + noise)[:6], abs=1e-4)
    assert found.single_low < found.single < found.single_high
    assert found.average_low < found.average < found.average_high


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_kappa_is_that_of_the_library(weights):
    generator = np.random.default_rng(1)
    one = generator.integers(1, 6, 60)
    other = np.clip(one + generator.integers(-2, 3, 60), 1, 5)

    found = weighted_kappa(one, other, range(1, 6), weights)

    assert found.value[0] == pytest.approx(cohen_kappa_score(one, other, weights=weights))
    assert found.low[0] < found.value[0] < found.high[0]


def test_targets_that_nobody_tells_apart_have_no_interval():
    found = intraclass(np.repeat([[0.0, 1.0, 3.0, 4.0]], 4, axis=0))

    assert (found.single, found.average) == (0, 0)
    assert np.isnan([found.single_low, found.single_high, found.average_low, found.average_high]).all()


def test_kappa_weighs_levels_by_their_places_even_those_that_nobody_gave():
    one, other = np.array([0, 0, 3, 3]), np.array([0, 3, 3, 3])

    # of four levels, only the outer ones were given: half of what is expected was observed
    assert weighted_kappa(one, other, [0, 1, 2, 3]).value[0] == pytest.approx(0.5)
    assert weighted_kappa(one, other, [0, 1, 3]).value[0] == pytest.approx(0.5)


def test_kappa_leaves_out_what_one_did_not_rate_and_draws_patients():
    one = np.array([1, 2, np.nan, 3, 1, 2])
    other = np.array([1, 3, 2, 3, np.nan, 2])

    found = weighted_kappa(one, other, [1, 2, 3], patients=["a", "a", "b", "c", "c", "d"])

    assert found.value[0] == pytest.approx(cohen_kappa_score([1, 2, 3, 2], [1, 3, 3, 2], weights="quadratic"))


def test_kappa_of_nothing_in_common_is_not_known():
    assert np.isnan(weighted_kappa([1, np.nan], [np.nan, 2], [1, 2]).value[0])
    assert np.isnan(weighted_kappa([2, 2], [2, 2], [1, 2]).value[0])


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [([1, 2], [1], "the same items"), ([1, 7], [1, 2], r"found \[np.float64\(7.0\)\]|found \[7.0\]")],
)
def test_bad_ratings_are_refused(one, other, message):
    with pytest.raises(DataError, match=message):
        weighted_kappa(one, other, [1, 2])
