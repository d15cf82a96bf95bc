"""Radiographs of the trunk that are no frontal chests: pelvis with lower abdomen, and the chest from the side."""

from __future__ import annotations

import numpy as np

from medxpert.outsiders.film import Pixels, blob, bones, ellipse, expose, fill, pose, strip, thick


def pelvis(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a pelvis and lower abdomen from the front, uint8 [side, side]."""
    lies = pose(generator, angle=0.05)
    both = [np.array((sign, 1.0)) for sign in (-1.0, 1.0)]
    wing = np.array(
        ((0.16, 0.0), (0.2, -0.35), (0.42, -0.52), (0.66, -0.42), (0.68, -0.2), (0.52, 0.05), (0.48, 0.25), (0.3, 0.18))
    )
    ring = strip(
        np.array(((0.46, 0.2), (0.3, 0.28), (0.06, 0.42), (0.12, 0.6), (0.32, 0.6), (0.44, 0.35))), np.full(6, 0.1)
    )
    femur = strip(np.array(((0.5, 0.25), (0.62, 0.38), (0.72, 0.6), (0.7, 1.5))), np.array((0.22, 0.18, 0.24, 0.2)))
    skeleton = [one * turn for turn in both for one in (wing, ring, femur, ellipse((0.48, 0.22), (0.13, 0.13)))]
    skeleton += [ellipse((0, y), (0.15, 0.08)) for y in np.arange(-1.1, -0.3, 0.2)]
    skeleton.append(strip(np.array(((0.0, -0.28), (0.0, 0.05), (0.0, 0.25))), np.array((0.36, 0.26, 0.08))))
    waist = generator.uniform(1.5, 1.8)
    body = strip(np.array(((0, -1.5), (0, -0.6), (0, 0.2), (0, 0.6))), waist * np.array((0.95, 1.0, 1.1, 1.1)))
    thighs = [strip(np.array(((0.55, 0.3), (0.6, 1.6))) * turn, np.array((0.85, 0.7))) for turn in both]
    gas = [
        blob(
            generator,
            (generator.uniform(-0.5, 0.5), generator.uniform(-0.95, 0.1)),
            tuple(generator.uniform(0.05, 0.16, 2)),
        )
        for _ in range(int(generator.integers(3, 8)))
    ]
    tissue = thick(fill(side, lies, [body, *thighs]), 0.1)
    dense = 0.28 * bones(side, lies, skeleton, 0.85, 0.7)
    dark = generator.uniform(0.08, 0.2) * fill(side, lies, gas, 0.03)
    return expose(np.clip(generator.uniform(0.4, 0.55) * tissue + dense - dark, 0, None), generator)


def lateral_chest(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a chest from the side, arms raised, uint8 [side, side]."""
    lies = pose(generator, angle=0.06)
    turn = np.array(((-1.0, 1.0)[generator.integers(2)], 1.0))
    deep = generator.uniform(0.9, 1.1)
    trunk = strip(
        np.array(((0.05, -0.85), (0.0, -0.3), (0.0, 0.4), (0.02, 1.4))), deep * np.array((0.9, 1.3, 1.45, 1.4))
    )
    arms = strip(np.array(((-0.1, -0.6), (-0.3, -1.3))), np.array((0.6, 0.5)))
    lung = np.array(
        ((0.05, -0.78), (-0.2, -0.6), (-0.42, -0.25), (-0.5, 0.15), (-0.45, 0.42), (-0.2, 0.3), (0.05, 0.36),
         (0.28, 0.62), (0.46, 0.72), (0.5, 0.3), (0.48, -0.2), (0.3, -0.65))
    )  # fmt: skip
    heart = blob(generator, (-0.22, 0.22), (generator.uniform(0.22, 0.32), 0.28))
    vessels = ellipse((-0.02, -0.1), (0.13, 0.12))
    level = np.arange(-0.9, 1.3, 0.165)
    bend = 0.42 + 0.1 * np.cos(1.3 * level)
    spine = [ellipse((x, y), (0.1, 0.062), 0.08) for x, y in zip(bend, level, strict=True)]
    ribs = [
        strip(np.array(((x, y), (x - 0.4, y + 0.2), (-0.45, y + 0.45))), np.full(3, 0.035))
        for x, y in zip(bend, level - 0.1, strict=True)
        if -0.8 < y < 0.5
    ]
    sternum = strip(np.array(((-0.3, -0.55), (-0.5, -0.2), (-0.6, 0.15))), np.array((0.06, 0.07, 0.06)))
    air = 0.36 * fill(side, lies, [lung * turn], 0.03) - 0.22 * fill(side, lies, [heart * turn], 0.05)
    air -= 0.12 * fill(side, lies, [vessels * turn], 0.06)
    tissue = thick(fill(side, lies, [trunk * turn, arms * turn]), 0.1)
    dense = 0.16 * bones(side, lies, [one * turn for one in spine], 0.8, 0.7)
    dense += 0.05 * fill(side, lies, [one * turn for one in ribs], 0.015)
    dense += 0.12 * fill(side, lies, [sternum * turn], 0.015)
    return expose(np.clip(generator.uniform(0.55, 0.66) * tissue + dense - np.clip(air, 0, None), 0, None), generator)
