"""Axial CT slices of thorax, abdomen and head."""

from __future__ import annotations

import numpy as np

from medxpert.outsiders.film import Pixels, Points, blob, ellipse, fill, levels, pose, strip
from medxpert.phantom.geometry import Field, Pose, film_grid, smooth_noise


def ct_slice(generator: np.random.Generator, side: int) -> Pixels:
    """Draw one axial slice in a soft-tissue window, uint8 [side, side]."""
    lies = pose(generator, angle=0.08)
    draw = (_thorax, _abdomen, _head)[generator.integers(3)]
    grey = draw(generator, lies, side)
    texture = generator.uniform(0.01, 0.04) * generator.standard_normal((side, side))
    texture += 0.01 * smooth_noise(int(generator.integers(2**31)), 24, side)
    grey = np.where(grey > 0.05, grey + texture, grey) * generator.uniform(0.85, 1.15)
    if generator.random() < 0.5:
        x, y = film_grid(side)
        grey = np.where(x**2 + y**2 > 1, 0, grey)
    return levels(grey)


def _thorax(generator: np.random.Generator, lies: Pose, side: int) -> Field:
    body, flat = _trunk(generator, lies, side)
    lungs = [blob(generator, (x, -0.02), (0.3, 0.4 * flat / 0.62)) for x in (-0.42, 0.42)]
    heart = [blob(generator, (0.12, -0.12), (0.26, 0.22)), ellipse((0.0, 0.1), (0.16, 0.22))]
    grey = _paint(body, fill(side, lies, lungs), generator.uniform(0.02, 0.1))
    return _with_bones(generator, lies, side, _paint(grey, fill(side, lies, heart), 0.55), flat)


def _abdomen(generator: np.random.Generator, lies: Pose, side: int) -> Field:
    grey, flat = _trunk(generator, lies, side)
    organs: list[tuple[Points, float]] = [
        (blob(generator, (-0.38, -0.1), (0.4, 0.36)), 0.6),
        (blob(generator, (0.5, -0.02), (0.16, 0.22)), 0.62),
        *((blob(generator, (x, 0.2), (0.12, 0.14)), 0.68) for x in (-0.34, 0.34)),
        *(
            (blob(generator, (generator.uniform(0, 0.5), generator.uniform(-0.35, 0.0)), (0.12, 0.1)), 0.5)
            for _ in "abc"
        ),
        (blob(generator, (0.3, -0.32), (0.14, 0.07)), 0.03),
        (ellipse((0.04, 0.12), (0.06, 0.06)), 0.72),
    ]
    for outline, value in organs:
        grey = _paint(grey, fill(side, lies, [outline]), value)
    return _with_bones(generator, lies, side, grey, flat)


def _head(generator: np.random.Generator, lies: Pose, side: int) -> Field:
    wide, high = generator.uniform(0.58, 0.7), generator.uniform(0.72, 0.85)
    grey = 0.3 * fill(side, lies, [ellipse((0, 0), (wide + 0.06, high + 0.06))])
    grey = _paint(grey, fill(side, lies, [ellipse((0, 0), (wide, high))]), 1.0)
    grey = _paint(grey, fill(side, lies, [ellipse((0, 0), (wide - 0.07, high - 0.07))]), 0.45)
    horns = [ellipse((sign * 0.11, -0.05), (0.05, 0.24), sign * 0.25) for sign in (-1, 1)]
    grey = _paint(grey, fill(side, lies, horns, 0.015), 0.2)
    return _paint(grey, fill(side, lies, [ellipse((0, 0), (0.008, high - 0.1))]), 0.55)


def _trunk(generator: np.random.Generator, lies: Pose, side: int) -> tuple[Field, float]:
    """Return skin, fat and muscle, and how deep the body is."""
    flat, rim = generator.uniform(0.55, 0.68), generator.uniform(0.03, 0.1)
    grey = 0.25 * fill(side, lies, [ellipse((0, 0), (0.9, flat))])
    table = strip(np.array(((-0.8, flat - 0.02), (0.0, flat + 0.1), (0.8, flat - 0.02))), np.full(3, 0.03))
    grey = np.maximum(grey, 0.3 * fill(side, lies, [table]))
    return _paint(grey, fill(side, lies, [ellipse((0, 0), (0.9 - rim, flat - rim))]), 0.48), flat


def _with_bones(generator: np.random.Generator, lies: Pose, side: int, grey: Field, flat: float) -> Field:
    low = 0.62 * flat
    bones = [ellipse((0, low), (0.14, 0.11)), strip(np.array(((0, low + 0.1), (0, low + 0.3))), np.array((0.1, 0.05)))]
    bones += [
        strip(np.array(((sign * 0.1, low + 0.12), (sign * 0.26, low + 0.18))), np.full(2, 0.06)) for sign in (-1, 1)
    ]
    for t in np.arange(generator.uniform(0, 0.4), 6.28, 0.55):
        bones.append(ellipse((0.78 * np.cos(t), (flat - 0.12) * np.sin(t)), (0.1, 0.03), t + np.pi / 2))
    return _paint(
        _paint(grey, fill(side, lies, bones), 0.95), fill(side, lies, [ellipse((0, low + 0.13), (0.05, 0.05))]), 0.45
    )


def _paint(grey: Field, inside: Field, value: float) -> Field:
    """Lay one tissue over what is there."""
    return grey * (1 - inside) + value * inside
