"""Tubes, lines and wires as strokes in body coordinates."""

from __future__ import annotations

import numpy as np

from medxpert.phantom.findings import PhantomFinding
from medxpert.phantom.geometry import SIGNS, Canvas
from medxpert.phantom.skeleton import Curve

_PATHS: dict[str, tuple[tuple[float, float], ...]] = {
    "endotracheal_tube": ((0.0, -1.2), (0.005, -0.75), (0.0, -0.32)),
    "enteric_tube": ((0.03, -1.2), (0.03, -0.5), (0.05, 0.0), (0.07, 0.42), (0.16, 0.64), (0.33, 0.74)),
    "jugular_line": ((0.22, -1.2), (0.20, -0.85), (0.14, -0.62), (0.10, -0.40), (0.11, -0.15), (0.11, 0.05)),
    "picc": ((0.98, -0.1), (0.94, -0.45), (0.75, -0.60), (0.40, -0.62), (0.16, -0.55), (0.10, -0.3), (0.11, 0.0)),
    "chest_tube": ((1.0, 0.42), (0.66, 0.30), (0.52, 0.02), (0.44, -0.25), (0.36, -0.52)),
    "pacemaker": ((0.52, -0.50), (0.36, -0.62), (0.16, -0.54), (0.10, -0.2), (0.13, 0.15), (0.02, 0.34)),
}
"""Distance from the midline and height, on the side of entry."""

_CENTRAL = frozenset({"jugular_line", "picc", "pacemaker"})
"""These end in the superior vena cava or beyond it, on the right from wherever they come."""

_CAVAL_REACH = 0.135
_VENTRICLE = (0.24, 0.46)
_WIDTHS = {"endotracheal_tube": 0.036, "chest_tube": 0.042}


def draw_device(finding: PhantomFinding, canvas: Canvas) -> None:
    """Draw one support device, 0..1."""
    if finding.kind == "sternotomy":
        _draw_wires(canvas)
        return
    width = _WIDTHS.get(finding.kind, 0.020)
    curve = _course(finding)
    canvas.tube(curve, width, 0.85, 0.45 if finding.kind in _WIDTHS else 0.85)
    if finding.kind == "pacemaker":
        _draw_generator(finding, canvas)


def _course(finding: PhantomFinding) -> Curve:
    """Return the curve [40, 2] of a tube or line."""
    points = np.array(_PATHS[finding.kind])
    signs = np.full(len(points), SIGNS.get(finding.side, 1.0))
    if finding.kind in _CENTRAL:
        signs[points[:, 0] < _CAVAL_REACH] = SIGNS["right"]
    points[:, 0] *= signs
    if finding.kind == "pacemaker":
        points = np.concatenate((points, [_VENTRICLE]))
    t = np.linspace(0, len(points) - 1, 40)
    coarse = np.stack([np.interp(t, np.arange(len(points)), points[:, axis]) for axis in (0, 1)], axis=1)
    padded = np.pad(coarse, ((2, 2), (0, 0)), mode="edge")
    return (padded[:-4] + padded[1:-3] + padded[2:-2] + padded[3:-1] + padded[4:]) / 5


def _draw_wires(canvas: Canvas) -> None:
    """Draw the twisted wires that close a breastbone."""
    t = np.linspace(0, 2 * np.pi, 14)
    for v in np.linspace(-0.42, 0.30, 6).tolist():
        canvas.line(np.stack((0.035 * np.cos(t), v + 0.022 * np.sin(2 * t)), axis=1), 0.014, 1.0)


def _draw_generator(finding: PhantomFinding, canvas: Canvas) -> None:
    """Draw the pacemaker's case under the collar bone."""
    t = np.linspace(0, 2 * np.pi, 28)
    outline = np.stack((_rounded(np.cos(t)), _rounded(np.sin(t))), axis=1)
    centre = np.array((0.55 * SIGNS[finding.side], -0.47))
    canvas.polygon(centre + outline * (0.105, 0.085), 1.0)
    canvas.polygon(centre + outline * (0.06, 0.035), 0.8)


def _rounded(values: Curve) -> Curve:
    return np.sign(values) * np.abs(values) ** 0.6
