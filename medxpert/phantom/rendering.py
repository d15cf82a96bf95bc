"""From a scene to pixels: attenuation adds up along the beam, the film turns it into grey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.phantom.acquisition import Acquisition
from medxpert.phantom.chest import Chest
from medxpert.phantom.devices import draw_device
from medxpert.phantom.findings import FRACTURES, PhantomFinding
from medxpert.phantom.geometry import UPRIGHT, Canvas, Field, blur, film_grid, smooth_noise
from medxpert.phantom.look import Detector
from medxpert.phantom.opacities import OPACITIES, fill
from medxpert.phantom.scene import Scene
from medxpert.phantom.skeleton import fracture_point, fractured_bone

PHANTOM_VERSION = 2
"""Goes up whenever the same scene gives other pixels."""

_LETTERS = {
    "L": ((0.0, 0.0), (0.0, 0.10), (0.055, 0.10)),
    "R": ((0.0, 0.10), (0.0, 0.0), (0.04, 0.0), (0.055, 0.025), (0.04, 0.05), (0.0, 0.05), (0.055, 0.10)),
}


def render(scene: Scene, side: int, with_findings: bool = True) -> NDArray[np.uint8]:
    """Return the film as grey pixels [side, side], bone white.

    Args:
        scene: what to draw.
        side: pixels per side.
        with_findings: False leaves every finding and device out and keeps all else.
    """
    if not with_findings:
        scene = replace(scene, findings=())
    attenuation = Chest(scene, side).attenuation()
    return (_expose(attenuation, scene.acquisition, scene.look.detector) * 255 + 0.5).astype(np.uint8)


def _expose(attenuation: Field, acquisition: Acquisition, detector: Detector) -> Field:
    """Expose the film: grain, contrast curve, marker and collimation; grey 0..1 [H, W]."""
    side = len(attenuation)
    attenuation = attenuation + acquisition.noise * (0.5 + attenuation) * _grain(detector, acquisition.seed, side)
    grey = np.clip((attenuation - 0.06) * np.float32(1.18 * acquisition.contrast) + acquisition.exposure, 0, None)
    grey = 0.97 * grey / np.sqrt(np.sqrt(1 + np.square(np.square(grey))))
    grey = np.maximum(_developed(grey, detector), 0.95 * _marker(acquisition, side))
    return np.where(_collimated(acquisition, side), np.float32(detector.surround), grey)


def _developed(grey: Field, detector: Detector) -> Field:
    """Apply the detector's own curve and unsharp mask to grey 0..1 [H, W]."""
    if detector.gamma != 1:
        grey = grey ** np.float32(detector.gamma)
    if detector.sharpening:
        detail = grey - blur(grey, detector.sharpening_radius)
        grey = np.clip(grey + np.float32(detector.sharpening) * detail, 0, 1)
    return grey


def _grain(detector: Detector, seed: int, side: int) -> Field:
    """Return film grain: part of it correlated, of like strength at any side."""
    fine = np.random.default_rng(seed).standard_normal((side, side), dtype=np.float32)
    coarse = smooth_noise(seed, detector.grain_cells, side)
    return detector.fine_grain * np.float32(np.sqrt(side / 128)) * fine + detector.coarse_grain * coarse


def _marker(acquisition: Acquisition, side: int) -> Field:
    """Draw the letter that names the patient's side, 0..1."""
    canvas = Canvas(side, UPRIGHT)
    corner = np.array((-0.84 if acquisition.marker == "R" else 0.80, acquisition.marker_height))
    canvas.line(np.array(_LETTERS[acquisition.marker]) + corner, 0.017, 1.0)
    return canvas.field()


def _collimated(acquisition: Acquisition, side: int) -> NDArray[np.bool_]:
    """Tell which pixels the collimator hides."""
    x, y = film_grid(side)
    tilt = 0.4 * acquisition.angle
    across, down = x + tilt * y, y - tilt * x
    return (
        (across < -1 + 2 * acquisition.border_left)
        | (across > 1 - 2 * acquisition.border_right)
        | (down < -1 + 2 * acquisition.border_top)
        | (down > 1 - 2 * acquisition.border_bottom)
    )


def masks(truth: Mapping[str, Any], side: int) -> dict[str, NDArray[np.bool_]]:
    """Return where each finding of a `Study.truth` is, bool [side, side] by kind."""
    scene = Scene.from_json(truth["image"])
    chest = Chest(scene, side)
    return {finding.kind: _mask(finding, chest) for finding in scene.findings}


def _mask(finding: PhantomFinding, chest: Chest) -> NDArray[np.bool_]:
    if finding.kind in OPACITIES:
        amount = np.abs(fill(finding, chest.lungs["left"])) * ("left" in finding.sides)
        amount = amount + np.abs(fill(finding, chest.lungs["right"])) * ("right" in finding.sides)
        return amount > 0.3 * amount.max()
    if finding.kind == "cardiomegaly":
        return (chest.heart > 0.05) & (chest.v > -0.15) & (chest.v < chest.shapes["left"].dome + 0.05)
    if finding.kind == "wide_mediastinum":
        return (chest.heart > 0.05) & (chest.v > -0.55) & (chest.v < -0.05)
    if finding.kind in FRACTURES:
        curve = fractured_bone(finding, chest.scene.anatomy, chest.shapes[finding.side], chest.ap).curve
        u, v = curve[fracture_point(finding, curve)]
        return np.square(chest.u - u) + np.square(chest.v - v) < 0.11**2
    canvas = chest.canvas()
    draw_device(finding, canvas)
    return canvas.field() > 0.2
