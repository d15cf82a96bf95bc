from dataclasses import replace

import numpy as np
import pytest

from medxpert.shapes.rendering import render
from medxpert.shapes.scene import BACKGROUNDS, FILLS, KINDS, Background, Dice, Scene, Shape, draw_scene

SIDE = 96
EVEN = Background("plain", 0.5, 0.0, 0.0, 0.3)


def scene(shape, **changes):
    return replace(Scene(EVEN, (shape,), 0.0, 0.0, 1), **changes)


def drawn(one, side=SIDE):
    """Tell the pixels that a scene's shapes change."""
    return render(one, side).astype(int) - render(replace(one, shapes=()), side)


def shape(**changes):
    return replace(Shape("circle", "plain", 0.4, -0.5, 0.3, 0.0, 0.9), **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_shape_is_where_and_as_large_as_it_says(kind):
    change = drawn(scene(shape(kind=kind)))
    rows, columns = (np.flatnonzero(change.any(axis=axis)) for axis in (1, 0))
    middle_x, middle_y = ((found.min() + found.max() + 1) / SIDE - 1 for found in (columns, rows))
    assert (middle_x, middle_y) == pytest.approx((0.4, -0.5), abs=0.13)
    reach = max(np.ptp(columns), np.ptp(rows)) / SIDE
    assert 0.7 * 0.3 < reach < 1.15 * 0.3
    assert change.max() > 95
    assert change.min() >= 0


def test_kinds_differ():
    pictures = [drawn(scene(shape(kind=kind, x=0, y=0, radius=0.45))) for kind in KINDS]
    for place, one in enumerate(pictures):
        for other in pictures[:place]:
            assert np.count_nonzero(abs(one - other) > 50) > 100


@pytest.mark.parametrize("fill", FILLS)
def test_fill_shows_and_keeps_the_tone(fill):
    plain, filled = (drawn(scene(shape(fill=name, grey=0.1))) for name in ("plain", fill))
    assert filled.max() <= 0
    assert filled.min() < -90
    assert (abs(filled - plain) > 20).any() == (fill != "plain")


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_background_swings_about_its_grey(kind):
    background = replace(EVEN, kind=kind, swing=0.1 * (kind != "plain"))
    picture = render(Scene(background, (), 0.0, 0.0, 3), SIDE) / 255
    assert picture.mean() == pytest.approx(0.5, abs=0.06)
    assert (picture.std() > 0.02) == (kind != "plain")
    assert np.abs(picture - 0.5).max() < 0.125


def test_noise_and_blur():
    clear = render(scene(shape()), SIDE).astype(float)
    noisy = render(scene(shape(), noise=0.05), SIDE)
    assert (noisy - clear).std() == pytest.approx(0.05 * 255, rel=0.1)
    blurred = render(scene(shape(), blur=0.04), SIDE).astype(float)
    assert abs(np.diff(blurred)).max() < 0.5 * abs(np.diff(clear)).max()


def test_same_scene_same_pixels_at_any_side():
    dice = Dice(np.random.default_rng(5))
    for _ in range(20):
        one = draw_scene(dice)
        np.testing.assert_array_equal(render(one, SIDE), render(one, SIDE))
        large = render(replace(one, noise=0.0), 2 * SIDE).reshape(SIDE, 2, SIDE, 2).mean((1, 3))
        small = render(replace(one, noise=0.0), SIDE)
        if one.background.kind not in ("grainy", "cloudy") and not any(s.fill == "speckled" for s in one.shapes):
            assert abs(large - small).mean() < 8
