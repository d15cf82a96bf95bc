"""Looks: everything that differs between two hospitals' films and reports while what they show stays the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Range(NamedTuple):
    """Uniform values from start to start + width."""

    start: float
    width: float

    def at(self, part: float) -> float:
        """Return the value at a part in [0, 1)."""
        return self.start + self.width * part


class Spread(NamedTuple):
    """Normal values around 0, cut off at a limit on both sides."""

    deviation: float
    limit: float

    def at(self, turn: float) -> float:
        """Return the value of a standard normal draw."""
        return min(max(self.deviation * turn, -self.limit), self.limit)


class Technique(NamedTuple):
    """How films are taken: the ranges of `Acquisition`, in its units."""

    angle: Spread = Spread(0.025, 0.07)
    scale: Range = Range(0.94, 0.14)
    shift_x: Spread = Spread(0.025, 0.06)
    shift_y: Spread = Spread(0.03, 0.07)
    exposure: Range = Range(-0.06, 0.16)
    contrast: Range = Range(0.85, 0.40)
    noise: Range = Range(0.006, 0.012)
    marker_height: Range = Range(-0.86, 0.3)
    border: Range = Range(0.01, 0.07)
    border_rate: float = 0.25
    """How often each edge is collimated."""


class Detector(NamedTuple):
    """How a film turns attenuation into grey.

    Attributes:
        fine_grain: weight of the noise that differs from pixel to pixel.
        coarse_grain: weight of the correlated noise.
        grain_cells: number of its cells along a side.
        gamma: exponent of the grey.
        sharpening: weight of the unsharp mask.
        sharpening_radius: its standard deviation in film units.
        surround: grey of what the collimator hides.
    """

    fine_grain: float = 0.5
    coarse_grain: float = 0.7
    grain_cells: int = 72
    gamma: float = 1.0
    sharpening: float = 0.0
    sharpening_radius: float = 0.04
    surround: float = 0.02


class Texture(NamedTuple):
    """How opacities and bones are drawn.

    Attributes:
        mottle: relative unevenness of every opacity.
        mottle_cells: number of its cells along a side.
        ripple: how far outlines of opacities wander, in body units.
        ripple_cells: number of its cells along a side.
        rib_width: of a posterior rib in body units; the other bones follow.
        rib_core: density of a bone's inside relative to its rim, 1 for the usual one.
        bone_blur: softness of bones in film units.
    """

    mottle: float = 0.0
    mottle_cells: int = 34
    ripple: float = 0.0
    ripple_cells: int = 20
    rib_width: float = 0.060
    rib_core: float = 1.0
    bone_blur: float = 0.008


@dataclass(frozen=True)
class Look:
    """One hospital: its patients' bodies, its films and the wording of its reports.

    Attributes:
        name: what a truth file calls it.
        initial: first letter of its patients' ids.
        stream: tells its random numbers from those of other looks, so that it has patients of its own.
        grammar: file of its phrases.
        bodies: smallest and largest sizes of `Anatomy` that differ from the usual ones.
    """

    name: str
    initial: str
    stream: tuple[int, ...]
    grammar: str
    bodies: Mapping[str, tuple[float, float]] = field(hash=False)
    technique: Technique
    detector: Detector
    texture: Texture


DEFAULT = Look(
    name="default",
    initial="p",
    stream=(),
    grammar="phrases.json",
    bodies={},
    technique=Technique(),
    detector=Detector(),
    texture=Texture(),
)
SHIFT = Look(
    name="shift",
    initial="q",
    stream=(1,),
    grammar="phrases_shift.json",
    bodies={
        "chest_width": (0.75, 0.85),
        "apex": (-0.77, -0.70),
        "dome_right": (0.40, 0.49),
        "dome_depth": (0.12, 0.17),
        "heart_width": (0.34, 0.385),
        "mediastinum": (0.125, 0.150),
        "habitus": (0.35, 1.2),
        "breast": (-0.6, 1.2),
        "rib_phase": (0.03, 0.08),
        "rib_slope": (0.06, 0.16),
        "rib_density": (0.85, 1.2),
        "clavicle_angle": (0.02, 0.16),
        "vessel_density": (0.6, 1.0),
    },
    technique=Technique(
        angle=Spread(0.045, 0.11),
        scale=Range(0.82, 0.13),
        shift_x=Spread(0.035, 0.08),
        shift_y=Spread(0.04, 0.09),
        exposure=Range(-0.04, 0.18),
        contrast=Range(0.85, 0.40),
        noise=Range(0.012, 0.014),
        border=Range(0.02, 0.08),
        border_rate=0.6,
    ),
    detector=Detector(
        fine_grain=0.35,
        coarse_grain=0.8,
        grain_cells=50,
        gamma=1.15,
        sharpening=0.4,
        sharpening_radius=0.025,
        surround=0.07,
    ),
    texture=Texture(mottle=0.22, ripple=0.014, rib_width=0.052, rib_core=1.15, bone_blur=0.012),
)
"""Another hospital: broader, shorter chests, a wider field, mottled noise, a harder film, ragged opacities."""

LOOKS: Mapping[str, Look] = {look.name: look for look in (DEFAULT, SHIFT)}
"""By name."""
