"""How a film was taken: everything that varies without telling anything about the patient's lungs.

The only tie to what a film shows: AP films are those of bedridden patients, and so are most support devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medxpert.phantom.findings import PhantomFinding, draw_finding
from medxpert.phantom.geometry import Pose

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


def draw_acquisition(bedridden: bool, rng: np.random.Generator) -> Acquisition:
    """Draw how one film was taken."""
    part = rng.random(8).tolist()
    turn, shift_x, shift_y = rng.normal(size=3).tolist()
    borders = np.where(rng.random(4) < 0.25, 0.01 + 0.07 * rng.random(4), 0.0).round(4).tolist()
    return Acquisition(
        view="AP" if part[0] < AP_RATES[bedridden] else "PA",
        shallow=part[1] < 0.16,
        angle=round(min(max(0.025 * turn, -0.07), 0.07), 4),
        scale=round(0.94 + 0.14 * part[2], 4),
        shift_x=round(min(max(0.025 * shift_x, -0.06), 0.06), 4),
        shift_y=round(min(max(0.03 * shift_y, -0.07), 0.07), 4),
        exposure=round(-0.06 + 0.16 * part[3], 4),
        contrast=round(0.85 + 0.40 * part[4], 4),
        noise=round(0.006 + 0.012 * part[5], 4),
        marker="R" if part[6] < 0.35 else "L",
        marker_height=round(-0.86 + 0.3 * part[7], 4),
        border_left=borders[0],
        border_right=borders[1],
        border_top=borders[2],
        border_bottom=borders[3],
        seed=int(rng.integers(2**31)),
    )


def draw_devices(bedridden: bool, rng: np.random.Generator) -> tuple[PhantomFinding, ...]:
    """Draw the devices a patient carries whatever the pathologies are."""
    return tuple(draw_finding(kind, rng) for kind, rate in DEVICE_RATES[bedridden].items() if rng.random() < rate)
