import numpy as np
import pytest

from medxpert.phantom.geometry import UPRIGHT, Canvas, Pose, Profile, film_grid, smooth_noise, soft_step


def test_film_coordinates_are_pixel_centres():
    x, y = film_grid(4)
    np.testing.assert_allclose(x[0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_array_equal(y, x.T)


def test_body_grid_and_to_film_undo_each_other():
    pose = Pose(angle=0.06, scale=1.1, shift_x=0.05, shift_y=-0.03)
    u, v = pose.body_grid(16)
    x, y = film_grid(16)
    back = pose.to_film(np.stack((u.ravel(), v.ravel()), axis=1))
    np.testing.assert_allclose(back, np.stack((x.ravel(), y.ravel()), axis=1), atol=1e-5)


def test_soft_step_is_half_at_the_edge_and_done_half_a_softness_away():
    steps = soft_step(np.array([-0.06, -0.05, 0.0, 0.05, 0.06], dtype=np.float32), 0.1)
    np.testing.assert_allclose(steps, [0, 0, 0.5, 1, 1], atol=1e-6)


def test_profile_interpolates_between_its_heights():
    profile = Profile(np.array([-1.0, 1.0]), np.array([0.0, 2.0]))
    np.testing.assert_allclose(profile.over(np.array([[-1.5, 0.0, 0.5]], dtype=np.float32)), [[0, 1, 1.5]], atol=2e-3)
    assert profile.at(0.5) == pytest.approx(1.5, abs=2e-3)


def test_noise_keeps_its_place_at_any_side():
    small, large = smooth_noise(3, 8, 64), smooth_noise(3, 8, 128).reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("side", [64, 101, 160, 161, 256])
def test_canvas_draws_where_the_grid_says(side):
    canvas = Canvas(side, UPRIGHT)
    square = np.array([(0.2, -0.6), (0.6, -0.6), (0.6, -0.2), (0.2, -0.2)])
    canvas.polygon(square, 1.0)
    drawn = canvas.field()
    x, y = film_grid(side)
    assert drawn.shape == (side, side)
    assert np.average(x, weights=drawn) == pytest.approx(0.4, abs=0.02)
    assert np.average(y, weights=drawn) == pytest.approx(-0.4, abs=0.02)
    assert drawn.sum() * (2 / side) ** 2 == pytest.approx(0.16, rel=0.1)


def test_tube_has_bright_rims():
    canvas = Canvas(128, UPRIGHT)
    canvas.tube(np.array([(-0.9, 0.0), (0.9, 0.0)]), 0.2, 1.0, 0.3)
    column = canvas.field()[:, 64]
    assert column.max() == pytest.approx(1.0)
    assert column[64] == pytest.approx(0.3, abs=0.01)
