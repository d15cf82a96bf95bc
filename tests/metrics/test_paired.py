from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from medxpert.errors import DataError
from medxpert.metrics import paired
from medxpert.metrics.paired import p_values

DRAWS = 400


def naive(differences, patients):
    """Two-sided p-value of one column over every pattern of signs, by the definition."""
    totals = [np.nansum(differences[patients == name]) for name in np.unique(patients)]
    flipped = [abs(np.dot(signs, totals)) for signs in product((1, -1), repeat=len(totals))]
    return np.mean(np.array(flipped) >= abs(sum(totals)) - 1e-9)


def test_like_the_definition():
    """Few patients: exact. As many as the draws reach: close."""
    generator = np.random.default_rng(0)
    differences = generator.integers(-1, 2, (60, 6)) / 3 + np.linspace(-0.2, 0.2, 6)
    differences[::7, 2] = np.nan
    patients = np.arange(60) // 6
    expected = [naive(column, patients) for column in differences.T]
    assert p_values(differences, patients, draws=1023, seed=5) == pytest.approx(expected)
    assert len(set(expected)) > 3
    sampled = p_values(differences, patients, draws=1022, seed=5)
    assert sampled == pytest.approx(expected, abs=0.05)
    assert not np.allclose(sampled, expected)


def test_extremes():
    differences = np.stack([np.ones(30), -np.ones(30), np.zeros(30), np.tile([1.0, -1.0], 15)], axis=1)
    found = p_values(differences, np.arange(30), draws=99)
    assert found == pytest.approx([1 / 100, 1 / 100, 1, 1])


def test_three_patients_tell_little():
    differences = np.random.default_rng(0).standard_normal((300, 20)) + 5
    assert p_values(differences, np.arange(300) % 3, draws=5000) == pytest.approx(0.25)


@pytest.mark.parametrize(("better", "worse"), [(8, 0), (9, 1), (6, 2), (5, 4)])
def test_few_discordant_pairs_are_a_sign_test(better, worse):
    """With one query per patient it is McNemar's test, here in its exact form."""
    differences = np.zeros((500, 1))
    differences[:better], differences[better : better + worse] = 1, -1
    exact = binomtest(better, better + worse).pvalue
    assert p_values(differences, np.arange(500), draws=20_000)[0] == pytest.approx(exact, abs=0.01 + 0.02 * exact)


def test_ties_count_in_spite_of_rounding():
    differences = np.array([0.1, 0.2, 0.3, -0.3, -0.2, -0.1, 0.7])[:, None]
    assert p_values(differences, np.arange(7), draws=127)[0] == naive(differences[:, 0], np.arange(7))


def test_columns_and_blocks_change_nothing(monkeypatch):
    differences = np.random.default_rng(2).standard_normal((40, 5))
    found = p_values(differences, np.arange(40), draws=DRAWS, seed=3)
    assert p_values(differences[:, 2:3], np.arange(40), draws=DRAWS, seed=3) == found[2]
    monkeypatch.setattr(paired, "_BLOCK_BYTES", 8 * 40 * 7)
    assert p_values(differences, np.arange(40), draws=DRAWS, seed=3) == pytest.approx(found)


def test_the_patient_is_what_is_drawn():
    differences = np.repeat([1.0, 1.0, 1.0, -1.0, 1.0, -1.0], 50)[:, None]
    alone = p_values(differences, np.arange(300), draws=999)
    together = p_values(differences, np.repeat(np.arange(6), 50), draws=999)
    assert alone < 0.01 < 0.2 < together


@pytest.mark.parametrize("num_patients", [12, 80])
def test_uniform_where_nothing_differs(num_patients):
    """Of true null hypotheses no more than one in twenty is below 0.05, one in a hundred below 0.01."""
    differences = np.random.default_rng(1).integers(-1, 2, (num_patients, 4000))
    found = p_values(differences, np.arange(num_patients), draws=1000)
    assert 0.02 < np.mean(found < 0.05) < 0.06
    assert np.mean(found < 0.01) < 0.016


def test_one_patient_per_query():
    with pytest.raises(DataError, match="one patient per query"):
        p_values(np.zeros((3, 1)), ["a", "b"])
