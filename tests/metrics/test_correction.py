import numpy as np
import pytest

from medxpert.metrics.correction import holm


@pytest.mark.parametrize(
    ("raw", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.01, 0.02, 0.02], [0.03, 0.04, 0.04]),
        ([0.03, 0.03], [0.06, 0.06]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_by_hand(raw, adjusted):
    assert holm(np.array(raw)) == pytest.approx(adjusted)


def test_order_of_the_values_does_not_matter():
    generator = np.random.default_rng(0)
    raw, order = generator.random(20) / 20, generator.permutation(20)
    assert holm(raw[order]) == pytest.approx(holm(raw)[order])


def test_given_values_stay_as_they_are():
    raw = np.array([0.3, 0.1])
    holm(raw)
    assert raw.tolist() == [0.3, 0.1]
