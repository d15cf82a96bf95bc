import numpy as np
import pytest

from medxpert.metrics.independent import difference

PLAIN, SHIFTED = {"value": 0.8, "low": 0.7, "high": 0.85}, {"value": 0.5, "low": 0.46, "high": 0.62}


def test_difference_by_hand():
    found = difference(PLAIN, SHIFTED)
    assert found["value"] == pytest.approx(0.3)
    assert found["low"] == pytest.approx(0.3 - np.hypot(0.1, 0.12))
    assert found["high"] == pytest.approx(0.3 + np.hypot(0.05, 0.04))


def test_no_interval_without_two():
    assert difference({"value": 1.0}, {"value": 0.25}) == {"value": 0.75}
    assert difference(PLAIN, {"value": 0.25}) == {"value": pytest.approx(0.55)}


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_an_interval_without_width_gives_none(edge):
    flat = dict.fromkeys(("value", "low", "high"), edge)
    assert difference(flat, SHIFTED) == {"value": pytest.approx(edge - 0.5)}
    assert difference(PLAIN, flat) == {"value": pytest.approx(0.8 - edge)}
