import numpy as np
import pytest

from medxpert.outsiders.film import bones, ellipse, expose, fill, levels, strip, thick
from medxpert.phantom.geometry import UPRIGHT


def _area(outline):
    x, y = outline.T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_a_straight_strip_is_a_band_with_round_ends():
    outline = strip(np.array(((0.0, -0.5), (0.0, 0.0), (0.0, 0.5))), np.full(3, 0.2))
    assert outline[:, 0].min() == pytest.approx(-0.1, abs=0.005)
    assert outline[:, 1].max() == pytest.approx(0.6, abs=0.005)
    assert _area(outline) == pytest.approx(0.2 + np.pi * 0.01, rel=0.05)


def test_an_ellipse_has_its_radii_and_its_angle():
    outline = ellipse((0.1, 0.2), (0.4, 0.2), np.pi / 2)
    assert np.ptp(outline[:, 0]) == pytest.approx(0.4, abs=0.01)
    assert np.ptp(outline[:, 1]) == pytest.approx(0.8, abs=0.01)
    assert _area(outline) == pytest.approx(np.pi * 0.08, rel=0.02)


def test_bones_are_denser_at_the_rim_and_flesh_is_thicker_in_the_middle():
    disc = [ellipse((0, 0), (0.6, 0.6))]
    bone, flesh = bones(64, UPRIGHT, disc), thick(fill(64, UPRIGHT, disc), 0.2)
    middle, rim, outside = (32, 32), (32, 32 + 16), (2, 2)
    assert bone[rim] > bone[middle] + 0.2
    assert bone[middle] > 0.4 > bone[outside]
    assert flesh[middle] > flesh[rim] + 0.02
    assert flesh[outside] == 0


def test_exposure_keeps_the_order_of_densities():
    density = np.repeat(np.array((0.1, 0.4, 0.8)), 32)[None].repeat(96, axis=0)
    for seed in range(10):
        film = expose(density, np.random.default_rng(seed))
        low, middle, high = (film[30:66, at : at + 8].mean() for at in (20, 44, 68))
        assert low + 20 < middle < high - 20


def test_levels_stay_in_a_byte():
    np.testing.assert_array_equal(levels(np.array([[-1.0, 0.5, 2.0]])), [[0, 128, 255]])
