import json

import numpy as np
import pytest

from medxpert.evaluation.reports.curves import curves, reliability
from medxpert.metrics.probabilities import class_wise_ece

NAN = float("nan")


@pytest.mark.parametrize("count", [3, 15, 100])
def test_bins_make_the_calibration_error(count):
    rng = np.random.default_rng(count)
    probabilities, labels = rng.random(count), rng.integers(0, 2, count).astype(np.int8)
    found = reliability(probabilities, labels)
    error = (found.size * np.abs(found.mean - found.share)).sum() / found.size.sum()
    assert error == pytest.approx(class_wise_ece(probabilities[:, None], labels[:, None])[0])
    assert found.size.sum() == count
    assert np.ptp(found.size) <= 1
    assert (np.diff(found.mean) > 0).all()


def test_by_hand_what_nobody_said_or_knows_is_left_out():
    found = reliability(
        np.array([[0.1, NAN, 0.3], [0.9, 0.8, 0.7]]), np.array([[0, 1, -2], [1, 1, 0]], np.int8), bins=2
    )
    assert found.mean == pytest.approx([(0.1 + 0.7) / 2, (0.8 + 0.9) / 2])
    assert found.share.tolist() == [0, 1]
    assert found.size.tolist() == [2, 2]


def test_nothing_said_has_no_bins():
    assert [len(one) for one in reliability(np.full((4, 14), NAN), np.ones((4, 14), np.int8))] == [0, 0, 0]


@pytest.mark.parametrize("count", [1, 5, 400])
def test_curves_are_json_and_end_with_all_studies(count):
    rng = np.random.default_rng(count)
    wrong = rng.integers(0, 3, count).astype(float)
    stated = wrong + 1
    labels = rng.integers(0, 2, (count, 14)).astype(np.int8)
    found = json.loads(
        json.dumps(curves(rng.random((count, 14)), labels, rng.random(count), wrong, stated), allow_nan=False)
    )
    assert len(found["coverage"]) == len(found["risk"]) == min(count, 101)
    assert found["coverage"][-1] == 1
    assert found["risk"][-1] == pytest.approx(wrong.sum() / stated.sum())
    assert found["coverage"] == sorted(found["coverage"])
    assert sum(found["count"]) == 14 * count
