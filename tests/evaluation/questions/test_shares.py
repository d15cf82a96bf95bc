import numpy as np
import pytest

from medxpert.evaluation.questions.shares import calibration_error, ratios

ONES = np.ones(4)


def test_ratios_by_hand():
    above = np.array([[1.0, 0], [1, 0], [0, 0], [1, 0]])
    below = np.array([[1.0, 0], [1, 0], [2, 0], [4, 0]])
    found, empty = ratios(above, below, np.arange(4), 0)
    assert found["value"] == pytest.approx(3 / 8)
    assert found["low"] <= found["value"] <= found["high"]
    assert empty == {}


def test_patients_are_drawn_whole():
    values = np.repeat([[1.0], [0.0]], 10, axis=0)
    together = ratios(values, np.ones((20, 1)), np.repeat([0, 1], 10), 0)[0]
    apart = ratios(values, np.ones((20, 1)), np.arange(20), 0)[0]
    assert (together["low"], together["high"]) == (0, 1)
    assert 0.2 < apart["low"] < apart["high"] < 0.8
    assert apart["value"] == together["value"] == 0.5


def test_calibration_error_by_hand():
    said = np.array([0.9, 0.9, 0.2, 0.2])
    right = np.array([1.0, 0, 0, 0])
    assert calibration_error(said, right, ONES, np.arange(4), 0)["value"] == pytest.approx(0.5 * 0.4 + 0.5 * 0.2)
    weights = np.array([1.0, 0, 0, 0])
    assert calibration_error(said, right, weights, np.arange(4), 0)["value"] == pytest.approx(0.1)
    assert calibration_error(said, right, 0 * ONES, np.arange(4), 0) == {}


def test_numbers_of_patients_may_have_gaps():
    said = np.array([0.9, 0.9, 0.2, 0.2])
    found = [calibration_error(said, ONES, ONES, numbers, 1) for numbers in (np.arange(4), np.array([3, 9, 11, 40]))]
    assert found[0] == found[1]
