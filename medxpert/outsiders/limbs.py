"""Radiographs of hands and legs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from medxpert.outsiders.film import Pixels, Points, blob, bones, expose, fill, pose, strip, thick

_FINGERS = ((-0.20, -0.22, 0.92), (-0.09, -0.06, 1.0), (0.02, 0.08, 0.95), (0.12, 0.24, 0.78))
"""Of index to little finger: start at the wrist, direction in radians from straight up, length."""
_SEGMENTS = (0.36, 0.24, 0.15, 0.11)
"""Metacarpal and three phalanges."""


def hand(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a hand from the front, fingers up, uint8 [side, side]."""
    lies = pose(generator, angle=0.35)
    spread, mirror = generator.uniform(0.7, 1.5), (-1.0, 1.0)[generator.integers(2)]
    chains = [
        _chain((start, 0.36), direction * spread, length * np.array(_SEGMENTS)) for start, direction, length in _FINGERS
    ]
    chains.append(_chain((-0.22, 0.42), -0.75 * spread, np.array((0.25, 0.18, 0.14))))
    flesh = [strip(chain[1:], np.linspace(0.17, 0.11, len(chain) - 1)) for chain in chains]
    flesh.append(strip(np.array(((-0.02, 1.3), (-0.02, 0.6), (-0.04, 0.1))), np.array((0.5, 0.4, 0.56))))
    flesh.append(strip(chains[-1][:2], np.array((0.3, 0.2))))
    skeleton = [_long_bone(*pair) for chain in chains for pair in pairwise(chain)]
    skeleton += [
        blob(generator, (x, y), (0.055, 0.05)) for y in (0.43, 0.52) for x in np.linspace(-0.2, 0.12, 4) + 0.02
    ]
    skeleton += [
        strip(np.array(((x, 1.3), (x, 0.8), (x, 0.62))), np.array((0.1, 0.11, wide)))
        for x, wide in ((-0.13, 0.22), (0.1, 0.12))
    ]
    turn = np.array((mirror, 1.0))
    tissue = thick(fill(side, lies, [outline * turn for outline in flesh]), 0.05)
    return expose(0.34 * tissue + 0.42 * bones(side, lies, [outline * turn for outline in skeleton]), generator)


def leg(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a knee or a lower leg from the front, uint8 [side, side]."""
    lies = pose(generator, angle=0.12, shift=0.15)
    down = generator.choice((-0.9, 0.0, 0.0, 0.7))
    mirror = (-1.0, 1.0)[generator.integers(2)]
    move = np.array((0.0, down))
    wide = generator.uniform(0.75, 1.05)
    flesh = strip(
        np.array(((0, -2.0), (0, -0.5), (0, 0.1), (0.02, 0.7), (0, 2.0))),
        wide * np.array((1.15, 0.95, 0.85, 0.9, 0.6)),
    )
    femur = strip(
        np.array(((0.0, -2.0), (0, -0.7), (0, -0.3), (0, -0.17))), np.array((0.24, 0.25, 0.42, 0.56)) * wide / 0.9
    )
    tibia = strip(
        np.array(((0.0, 0.2), (0.0, 0.4), (0.0, 0.8), (0, 2.2))), np.array((0.52, 0.34, 0.23, 0.2)) * wide / 0.9
    )
    fibula = strip(np.array(((0.27, 0.3), (0.25, 0.45), (0.24, 1.0), (0.18, 2.2))), np.array((0.13, 0.09, 0.08, 0.09)))
    skeleton = [(one + move) * (mirror, 1.0) for one in (fibula, femur, tibia)]
    kneecap = [(blob(generator, (0.02, -0.3), (0.15, 0.17)) + move) * (mirror, 1.0)]
    tissue = thick(fill(side, lies, [(flesh + move) * (mirror, 1.0)]), 0.12)
    dense = 0.36 * bones(side, lies, skeleton, 0.72, 0.75) + 0.1 * fill(side, lies, kneecap, 0.02)
    return expose(generator.uniform(0.35, 0.5) * tissue + dense, generator)


def _chain(start: tuple[float, float], direction: float, lengths: Points) -> Points:
    """Return joints [P + 1, 2] of bones one after the other, each bent a little more than the last."""
    angles = direction * np.linspace(0.55, 1.0, len(lengths))
    steps = lengths[:, None] * np.stack((np.sin(angles), -np.cos(angles)), axis=1)
    return np.concatenate([np.array([start]), np.array(start) + steps.cumsum(axis=0)])


def _long_bone(start: Points, end: Points) -> Points:
    """Return the outline of a small bone that is wide at both ends and leaves a joint space."""
    points = start + np.array((0.06, 0.25, 0.75, 0.94))[:, None] * (end - start)
    length = float(np.linalg.norm(end - start))
    return strip(points, (0.045 + 0.1 * length) * np.array((1.0, 0.7, 0.65, 0.9)))
