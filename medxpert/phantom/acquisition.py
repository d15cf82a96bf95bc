"""How a film was taken: everything that varies without telling anything about the patient's lungs.

The only tie to what a film shows: AP films are those of bedridden patients, and so are most support devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medxpert.phantom.findings import PhantomFinding, draw_finding
from medxpert.phantom.geometry import Pose
from medxpert.phantom.look import Technique

BEDRIDDEN_RATE = 0.30
AP_RATES = {True: 0.85, False: 0.20}
"""The share of AP films among bedridden and other patients."""

DEVICE_RATES: Mapping[bool, Mapping[str, float]] = {
    True: {
        "endotracheal_tube": 0.35,
        "enteric_tube": 0.35,
        "jugular_line": 0.35,
        "picc": 0.2,
        "pacemaker": 0.08,
        "sternotomy": 0.12,
    },
    False: {"picc": 0.05, "pacemaker": 0.06, "sternotomy": 0.06},
}
"""The share of bedridden and other patients who carry each device."""


@dataclass(frozen=True)
class Acquisition:
    """Projection, breath, pose and the film's own look; fractions of the side, weights from 0 to 1, a noise seed."""

    view: str
    shallow: bool
    angle: float
    scale: float
    shift_x: float
    shift_y: float
    exposure: float
    contrast: float
    noise: float
    marker: str
    marker_height: float
    border_left: float
    border_right: float
    border_top: float
    border_bottom: float
    seed: int

    @property
    def pose(self) -> Pose:
        """Where the patient stands on the film."""
        return Pose(self.angle, self.scale, self.shift_x, self.shift_y)


def draw_acquisition(technique: Technique, bedridden: bool, rng: np.random.Generator) -> Acquisition:
    """Draw how one film was taken."""
    part = rng.random(8).tolist()
    turn, shift_x, shift_y = rng.normal(size=3).tolist()
    closed = rng.random(4) < technique.border_rate
    borders = np.where(closed, technique.border.start + technique.border.width * rng.random(4), 0.0).round(4).tolist()
    return Acquisition(
        view="AP" if part[0] < AP_RATES[bedridden] else "PA",
        shallow=part[1] < 0.16,
        angle=round(technique.angle.at(turn), 4),
        scale=round(technique.scale.at(part[2]), 4),
        shift_x=round(technique.shift_x.at(shift_x), 4),
        shift_y=round(technique.shift_y.at(shift_y), 4),
        exposure=round(technique.exposure.at(part[3]), 4),
        contrast=round(technique.contrast.at(part[4]), 4),
        noise=round(technique.noise.at(part[5]), 4),
        marker="R" if part[6] < 0.35 else "L",
        marker_height=round(technique.marker_height.at(part[7]), 4),
        border_left=borders[0],
        border_right=borders[1],
        border_top=borders[2],
        border_bottom=borders[3],
        seed=int(rng.integers(2**31)),
    )


def draw_devices(bedridden: bool, rng: np.random.Generator) -> tuple[PhantomFinding, ...]:
    """Draw the devices a patient carries whatever the pathologies are."""
    return tuple(draw_finding(kind, rng) for kind, rate in DEVICE_RATES[bedridden].items() if rng.random() < rate)
