import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.metrics.paired import p_values
from medxpert.metrics.statistics import resample

DRAWS = 400


def naive(differences, patients, draws, seed):
    """Two-sided p-value of one column from means over drawn patients, by the definition."""
    names, numbers = np.unique(patients, return_inverse=True)
    seen = []

    def means(counts):
        weights = counts[:, numbers] * np.isfinite(differences)
        seen.append((weights @ np.nan_to_num(differences)) / weights.sum(axis=1))
        return seen[-1][:, None]

    resample(means, len(names), draws, seed)
    drawn = np.round(np.concatenate(seen[1:]), 12)
    assert len(drawn) == draws
    return min(1, 2 * min(1 + np.sum(drawn <= 0), 1 + np.sum(drawn >= 0)) / (1 + draws))


def test_like_the_definition():
    generator = np.random.default_rng(0)
    differences = generator.integers(-1, 2, (60, 6)) + np.linspace(-0.5, 0.5, 6)
    differences[::7, 2] = np.nan
    patients = np.arange(60) // 3
    expected = [naive(column, patients, DRAWS, 5) for column in differences.T]
    assert p_values(differences, patients, draws=DRAWS, seed=5) == pytest.approx(expected)
    assert len(set(expected)) > 3


def test_extremes():
    differences = np.stack([np.ones(30), -np.ones(30), np.zeros(30), np.tile([1.0, -1.0], 15)], axis=1)
    found = p_values(differences, np.arange(30), draws=99)
    assert found[:2] == pytest.approx(2 / 100)
    assert found[2] == 1
    assert found[3] > 0.5


def test_the_patient_is_what_is_drawn():
    differences = np.repeat([1.0, 1.0, 1.0, -1.0, 1.0, -1.0], 50)[:, None]
    alone = p_values(differences, np.arange(300), draws=999)
    together = p_values(differences, np.repeat(np.arange(6), 50), draws=999)
    assert alone < 0.01 < 0.2 < together


def test_uniform_where_nothing_differs():
    """Of true null hypotheses about one in twenty is below 0.05."""
    differences = np.random.default_rng(1).standard_normal((80, 400))
    rate = np.mean(p_values(differences, np.arange(80), draws=500) < 0.05)
    assert 0.02 < rate < 0.09


def test_one_patient_per_query():
    with pytest.raises(DataError, match="one patient per query"):
        p_values(np.zeros((3, 1)), ["a", "b"])
