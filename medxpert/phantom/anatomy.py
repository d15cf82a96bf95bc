"""The patient: sizes that stay the same over all studies, and the outlines they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.phantom.geometry import SIGNS, Field, Profile, soft_step
from medxpert.phantom.look import Look

_RANGES = {
    "chest_width": (0.69, 0.79),
    "apex": (-0.83, -0.76),
    "dome_right": (0.44, 0.53),
    "dome_gap": (0.02, 0.08),
    "dome_depth": (0.15, 0.21),
    "heart_width": (0.315, 0.36),
    "knob": (0.035, 0.065),
    "trunk": (0.015, 0.045),
    "mediastinum": (0.115, 0.140),
    "habitus": (0.0, 1.0),
    "arms": (0.0, 1.0),
    "breast": (-1.0, 1.0),
    "bubble": (-0.3, 1.0),
    "rib_phase": (-0.03, 0.03),
    "rib_slope": (0.12, 0.26),
    "rib_density": (0.75, 1.2),
    "clavicle_angle": (0.08, 0.26),
    "vessel_density": (0.8, 1.2),
}
VARIANTS = ("hyperinflation", "tortuous_aorta", "scoliosis_right", "scoliosis_left")
"""Harmless peculiarities of a patient; a report may mention them, they are no finding."""

_VARIANT_RATES = (0.08, 0.14, 0.05, 0.05)
_HEIGHTS = np.linspace(-1.3, 1.3, 260)


@dataclass(frozen=True)
class Anatomy:
    """Sizes in body units (half the film), weights from 0 to 1, the variants, and a texture seed."""

    chest_width: float
    apex: float
    dome_right: float
    dome_gap: float
    dome_depth: float
    heart_width: float
    knob: float
    trunk: float
    mediastinum: float
    habitus: float
    arms: float
    breast: float
    bubble: float
    rib_phase: float
    rib_slope: float
    rib_density: float
    clavicle_angle: float
    vessel_density: float
    variants: tuple[str, ...]
    seed: int


class Build(NamedTuple):
    """What changes a patient's outline from film to film."""

    ap: bool
    """The projection magnifies the heart and shows shorter lungs."""
    shallow: bool
    """The breath was shallow: high diaphragm."""
    heart: float
    """Width of the heart relative to the patient's own."""
    mediastinum: float
    """Width of the upper mediastinum relative to the patient's own."""


def draw_anatomy(look: Look, rng: np.random.Generator) -> Anatomy:
    """Draw one patient."""
    ranges = {**_RANGES, **look.bodies}
    parts = rng.random(len(ranges)).tolist()
    sizes = {
        name: round(low + part * (high - low), 4)
        for part, (name, (low, high)) in zip(parts, ranges.items(), strict=True)
    }
    chances = rng.random(len(VARIANTS)).tolist()
    variants = [name for name, chance, rate in zip(VARIANTS, chances, _VARIANT_RATES, strict=True) if chance < rate]
    if "scoliosis_right" in variants and "scoliosis_left" in variants:
        variants.remove("scoliosis_left")
    return Anatomy(**sizes, variants=tuple(variants), seed=int(rng.integers(2**31)))


class LungShape:
    """The outline of one lung: curves over the height v, for the distance x from the midline.

    Attributes:
        sign: of u on this side.
        apex: height of the top.
        dome: height of the diaphragm's dome.
        base: height of the costophrenic angle.
        lateral: distance of the chest wall.
        medial: distance of the heart and the mediastinum.
    """

    def __init__(self, anatomy: Anatomy, side: str, build: Build) -> None:
        flat = "hyperinflation" in anatomy.variants
        self.sign = SIGNS[side]
        self.apex = anatomy.apex
        rise = 0.03 * build.ap + 0.15 * build.shallow - 0.08 * flat
        self.dome = anatomy.dome_right + (anatomy.dome_gap if side == "left" else 0.0) - rise
        self._drop = anatomy.dome_depth * (0.55 if flat else 1.0)
        self.base = self.dome + self._drop
        self._width = anatomy.chest_width
        t = (_HEIGHTS - self.apex) / (0.62 - self.apex)
        above, t = np.minimum(t, 0.0), np.clip(t, 0.0, 1.0)
        self.lateral = Profile(_HEIGHTS, 0.25 + (self._width - 0.25) * np.sqrt(1 - (1 - t) ** 2.4) + 6 * above)
        border = _left_border if side == "left" else _right_border
        neck = 0.25 * (1 - np.sqrt(1 - (1 - np.clip(t / 0.25, 0, 1)) ** 2))
        self.medial = Profile(_HEIGHTS, border(anatomy, build, self.dome) + neck - 6 * above)

    def floor(self, x: Field) -> Field:
        """Return the height of the diaphragm at distance x from the midline [H, W]."""
        centre = 0.50 * self._width
        outward = np.clip((x - centre) / (self._width - centre), 0, 1.2)
        inward = np.clip((centre - x) / centre, 0, 1)
        return self.dome + np.float32(self._drop) * outward * outward * np.sqrt(outward) + 0.09 * inward * inward

    def place(self, across: float, along: float) -> tuple[float, float]:
        """Return the distance x and height v of a fraction outward from the mediastinum and down from the apex."""
        v = self.apex + along * (self.dome + 0.35 * self._drop - self.apex)
        inner, outer = self.medial.at(v), self.lateral.at(v)
        return inner + across * (outer - inner), v


def _bell(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 - distance**2, 0, 1) ** 2


def _upper_width(anatomy: Anatomy, build: Build) -> NDArray[np.float64]:
    """Return the half-width of the great vessels over the heights."""
    wide = 1 + (build.mediastinum * (1.08 if build.ap else 1.0) - 1) * _bell((_HEIGHTS + 0.30) / 0.55)
    return anatomy.mediastinum * wide * (0.80 + 0.12 * np.clip(_HEIGHTS + 0.6, 0, 1))


def _heart_width(anatomy: Anatomy, build: Build) -> float:
    return anatomy.heart_width * build.heart * (1.10 if build.ap else 1.0)


def _right_border(anatomy: Anatomy, build: Build, dome: float) -> NDArray[np.float64]:
    """Return the caval vein and the right atrium over the heights."""
    upper = _upper_width(anatomy, build)
    return upper + (0.58 * _heart_width(anatomy, build) - upper) * _bell((_HEIGHTS - dome + 0.14) / 0.42)


def _left_border(anatomy: Anatomy, build: Build, dome: float) -> NDArray[np.float64]:
    """Return the aortic knob, the pulmonary trunk and the left ventricle over the heights."""
    tortuous = "tortuous_aorta" in anatomy.variants
    knob = (1.7 if tortuous else 1.0) * anatomy.knob * _bell((_HEIGHTS + 0.32) / 0.16)
    trunk = anatomy.trunk * _bell((_HEIGHTS + 0.12) / 0.20)
    s = np.clip((_HEIGHTS + 0.16) / (dome + 0.14), 0, 1.3)
    ventricle = s**1.1 * np.sqrt(1 - np.clip((s - 0.70) / 0.75, 0, 1) ** 2)
    upper = _upper_width(anatomy, build)
    return upper + knob + trunk + (1.40 * _heart_width(anatomy, build) - upper) * ventricle / ventricle.max()


def torso(u: Field, v: Field, anatomy: Anatomy) -> Field:
    """Return how thick the soft tissue is, 0 outside the patient to 1 in the middle [H, W]."""
    trunk = anatomy.chest_width + 0.11 + 0.12 * anatomy.habitus
    neck = 0.20 + 0.05 * anatomy.habitus
    corners = np.interp(
        _HEIGHTS,
        (-1.3, -1.0, -0.92, -0.84, -0.74, -0.62, -0.45, -0.2, 0.2, 1.2),
        (neck + 0.06, neck, neck + 0.08, 0.52, 0.80, 1.02, 1.12, trunk + 0.14, trunk + 0.05, trunk + 0.07),
    )
    outline = Profile(_HEIGHTS, np.convolve(np.pad(corners, 10, mode="edge"), np.full(21, 1 / 21), "valid")).over(v)
    chord = np.sqrt(np.clip(1 - np.square(u / outline), 0, 1))
    thickness = soft_step(outline - np.abs(u), 0.06) * (0.22 + 0.78 * chord)
    gap = trunk + 0.05 + 0.14 * anatomy.arms
    arm = soft_step(0.17 - np.abs(np.abs(u) - gap - 0.17 - 0.12 * np.clip(v, -0.5, 1)), 0.05)
    return np.maximum(thickness, 0.58 * arm * soft_step(v + 0.55, 0.25))
