"""Radiographs of the skull."""

from __future__ import annotations

import numpy as np

from medxpert.outsiders.film import Pixels, blob, bones, ellipse, expose, fill, pose, strip, thick
from medxpert.phantom.geometry import Field, Pose


def skull(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a skull from the front or the side, uint8 [side, side]."""
    lies = pose(generator, angle=0.12)
    draw = (_frontal, _lateral)[generator.integers(2)]
    return expose(draw(generator, lies, side), generator)


def _frontal(generator: np.random.Generator, lies: Pose, side: int) -> Field:
    wide, high = generator.uniform(0.5, 0.6), generator.uniform(0.6, 0.7)
    vault = ellipse((0, -0.2), (wide, high))
    jaw = strip(
        np.array(((-0.42, 0.2), (-0.4, 0.55), (-0.15, 0.78), (0.15, 0.78), (0.4, 0.55), (0.42, 0.2))),
        np.full(6, 0.15),
    )
    face = strip(np.array(((0.0, 0.0), (0.0, 0.3), (0.0, 0.65))), np.array((0.9, 0.8, 0.5)))
    orbits = [blob(generator, (x, 0.08), (0.16, 0.13)) for x in (-0.24, 0.24)]
    hollows = [ellipse((0, 0.3), (0.09, 0.16)), *(ellipse((x, 0.36), (0.12, 0.13)) for x in (-0.27, 0.27))]
    teeth = [ellipse((x, y), (0.028, 0.06)) for y in (0.52, 0.63) for x in np.linspace(-0.24, 0.24, 8)]
    neck = [strip(np.array(((0.0, 0.6), (0.0, 1.4))), np.array((0.6, 0.75)))]
    spine = [ellipse((0, y), (0.15, 0.07)) for y in np.arange(0.7, 1.3, 0.17)]
    tissue = thick(fill(side, lies, [ellipse((0, 0.1), (0.62, 0.95)), *neck]), 0.08)
    dark = 0.22 * fill(side, lies, orbits, 0.02) + 0.24 * fill(side, lies, hollows, 0.03)
    dense = 0.36 * bones(side, lies, [vault], 0.9, 0.6) + 0.2 * fill(side, lies, [face], 0.05)
    dense += 0.22 * bones(side, lies, [jaw], 0.9, 0.8) + 0.22 * fill(side, lies, [*teeth, *spine], 0.012)
    return np.clip(0.3 * tissue + dense - dark, 0, None)


def _lateral(generator: np.random.Generator, lies: Pose, side: int) -> Field:
    turn = np.array(((-1.0, 1.0)[generator.integers(2)], 1.0))
    vault = ellipse((0.08, -0.22), (generator.uniform(0.66, 0.76), 0.58), -0.1)
    base = strip(np.array(((0.45, 0.2), (0.05, 0.2), (-0.3, 0.1), (-0.55, 0.0))), np.array((0.12, 0.2, 0.1, 0.06)))
    face = strip(np.array(((-0.48, 0.1), (-0.45, 0.35), (-0.4, 0.5))), np.array((0.3, 0.35, 0.3)))
    jaw = strip(np.array(((0.05, 0.25), (0.0, 0.6), (-0.25, 0.75), (-0.55, 0.8))), np.array((0.14, 0.17, 0.15, 0.14)))
    orbit, sinus = ellipse((-0.46, 0.08), (0.1, 0.09)), ellipse((-0.36, 0.3), (0.1, 0.1))
    teeth = [ellipse((x, y), (0.03, 0.07)) for y in (0.56, 0.66) for x in np.linspace(-0.56, -0.2, 6)]
    spine = [ellipse((0.2 + 0.06 * k, 0.45 + 0.19 * k), (0.14, 0.075), 0.15) for k in range(5)]
    neck = strip(np.array(((0.1, 0.3), (0.2, 0.8), (0.3, 1.5))), np.array((0.7, 0.62, 0.75)))
    shapes = [vault, base, face, jaw, orbit, sinus, neck, *teeth, *spine]
    vault, base, face, jaw, orbit, sinus, neck, *small = [outline * turn for outline in shapes]
    head = np.concatenate([ellipse((0.05, -0.2), (0.8, 0.66))]) * turn
    tissue = thick(fill(side, lies, [head, neck, ellipse((-0.32, 0.45), (0.36, 0.45)) * turn]), 0.06)
    dense = 0.3 * bones(side, lies, [vault], 0.92, 0.55) + 0.24 * fill(side, lies, [base], 0.03)
    dense += 0.16 * fill(side, lies, [face, jaw], 0.02) + 0.2 * fill(side, lies, small, 0.012)
    return np.clip(0.3 * tissue + dense - 0.18 * fill(side, lies, [orbit, sinus], 0.03), 0, None)
