import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.metrics import statistics
from medxpert.metrics.statistics import bootstrap, bootstrap_median, paired_difference

PATIENTS = np.array(["a", "b", "a", "c", "d", "d", "d", "e"])
VALUES = np.array([1.0, 0.0, 1.0, 0.5, 0.0, 0.25, 1.0, 0.75])


def naive(values, patients, statistic, draws=1000, seed=0):
    """Gather the queries of the drawn patients, one draw after another."""
    names = np.unique(patients)
    picked = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    samples = [np.concatenate([values[patients == names[one]] for one in row]) for row in picked]
    return np.quantile([statistic(sample) for sample in samples], [0.025, 0.975])


@pytest.mark.parametrize(
    ("estimate", "statistic"), [(bootstrap, np.mean), (bootstrap_median, np.median)], ids=["mean", "median"]
)
@pytest.mark.parametrize("seed", [0, 7])
def test_intervals_match_gathered_samples(estimate, statistic, seed):
    value, low, high = estimate(VALUES, PATIENTS, seed=seed)
    assert value[0] == statistic(VALUES)
    np.testing.assert_allclose([low[0], high[0]], naive(VALUES, PATIENTS, statistic, seed=seed))


@pytest.mark.parametrize("estimate", [bootstrap, bootstrap_median])
def test_nan_leaves_a_query_out_of_its_column(estimate):
    hole = VALUES.copy()
    hole[[1, 5]] = np.nan
    table = estimate(np.stack([VALUES, hole], axis=1), PATIENTS)
    alone = estimate(VALUES, PATIENTS)
    assert [table.value[0], table.low[0], table.high[0]] == [alone.value[0], alone.low[0], alone.high[0]]
    statistic = np.nanmean if estimate is bootstrap else np.nanmedian
    assert table.value[1] == statistic(hole)
    reference = naive(hole[[0, 2, 3, 4, 6, 7]], PATIENTS[[0, 2, 3, 4, 6, 7]], np.mean)
    assert table.low[1] <= table.value[1] <= table.high[1]
    assert abs(table.low[1] - reference[0]) < 0.35


def test_draws_do_not_depend_on_the_block_size(monkeypatch):
    whole = bootstrap(VALUES, PATIENTS)
    monkeypatch.setattr(statistics, "_BLOCK_BYTES", 3 * 8 * 5)
    np.testing.assert_allclose(np.concatenate(bootstrap(VALUES, PATIENTS)), np.concatenate(whole), rtol=1e-12)


def test_patients_with_many_queries_widen_the_interval():
    values = np.repeat([0.0, 1.0], 50)
    independent = bootstrap(values, np.arange(100))
    clustered = bootstrap(values, np.arange(100) // 10)
    assert clustered.high - clustered.low > 2 * (independent.high - independent.low)


def test_paired_difference_of_equal_values_is_zero():
    shifted = paired_difference(VALUES + 0.125, VALUES, PATIENTS)
    np.testing.assert_allclose(np.concatenate(shifted), 0.125)
    swapped = paired_difference(VALUES, VALUES[::-1], PATIENTS)
    assert swapped.low < 0 < swapped.high


def test_one_patient_has_no_spread():
    assert np.concatenate(bootstrap(np.array([0.0, 1.0]), ["a", "a"])).tolist() == [0.5, 0.5, 0.5]


def test_columns_without_values_are_nan():
    empty = np.full((8, 1), np.nan)
    for estimate in (bootstrap, bootstrap_median):
        assert np.isnan(np.concatenate(estimate(empty, PATIENTS))).all()


def test_level_and_names():
    narrow, wide = bootstrap(VALUES, PATIENTS, level=0.5), bootstrap(VALUES, PATIENTS)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.named() == [{"value": wide.value[0], "low": wide.low[0], "high": wide.high[0]}]


@pytest.mark.parametrize(
    ("values", "patients", "message"),
    [
        (np.empty(0), [], "at least one query, found 0"),
        (np.ones(3), ["a", "b"], "one patient per query, found 2 for 3 queries"),
    ],
)
@pytest.mark.parametrize("estimate", [bootstrap, bootstrap_median])
def test_bad_input(estimate, values, patients, message):
    with pytest.raises(DataError, match=message):
        estimate(values, patients)


def test_differences_need_the_same_queries():
    with pytest.raises(DataError, match=r"found \(8,\) and \(7,\)"):
        paired_difference(VALUES, VALUES[1:], PATIENTS)
