import itertools
import math
from collections import Counter

import numpy as np
import pytest

from medxpert.shapes.scene import BACKGROUNDS, FILLS, KINDS, SIZES, Dice, draw_scene


@pytest.fixture(scope="module")
def scenes():
    dice = Dice(np.random.default_rng(0))
    return [draw_scene(dice) for _ in range(2000)]


def test_shapes_lie_within_the_picture_and_apart(scenes):
    for scene in scenes:
        for shape in scene.shapes:
            assert max(abs(shape.x), abs(shape.y)) + shape.radius <= 1
        for one, other in itertools.combinations(scene.shapes, 2):
            assert math.hypot(one.x - other.x, one.y - other.y) > one.radius + other.radius


def test_shapes_stand_out_and_stay_within_the_greys(scenes):
    for scene in scenes:
        for shape in scene.shapes:
            assert abs(shape.grey - scene.background.grey) > scene.background.swing + 0.05
            assert 0 <= shape.grey <= 1


def test_everything_occurs(scenes):
    shapes = [shape for scene in scenes for shape in scene.shapes]
    assert {len(scene.shapes) for scene in scenes} == {0, 1, 2, 3, 4}
    for values, names, rare in (
        ((shape.kind for shape in shapes), KINDS, 0.05),
        ((shape.fill for shape in shapes), FILLS, 0.15),
        ((shape.size for shape in shapes), SIZES, 0.15),
        ((scene.background.kind for scene in scenes), BACKGROUNDS, 0.1),
        ((scene.tone(shape) for scene in scenes for shape in scene.shapes), ("bright", "dark"), 0.4),
    ):
        counts = Counter(values)
        assert set(counts) == set(names)
        assert min(counts.values()) > rare * counts.total()
    assert len({shape.place for shape in shapes}) == 9


def test_dice_go_on_for_ever_and_cover_the_range():
    dice = Dice(np.random.default_rng(1))
    values = [dice.between(2, 4) for _ in range(300)]
    assert 2 <= min(values) < 2.1
    assert 3.9 < max(values) < 4
    assert {dice.pick("abc") for _ in range(100)} == set("abc")
