"""Bones and vessels as strokes in body coordinates, with the fractures where they break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.phantom.anatomy import Anatomy, LungShape
from medxpert.phantom.findings import FRACTURES, PhantomFinding
from medxpert.phantom.geometry import SIGNS, Canvas

Curve = NDArray[np.float64]
"""Body points [N, 2]."""

NUM_RIBS = 10
RIB_GAP = 0.128
_T = np.linspace(0, 1, 22)
"""How far along its bone each point of a curve is."""

_FINE = np.linspace(0, 1, 106)
"""The same where a bone is broken."""

_HALF_GAP = 0.018
_FRAGMENT_POINTS = 18
_FRACTURED_RIB = {"upper": 3, "mid": 5, "lower": 7}


class Bone(NamedTuple):
    """One bone and its course."""

    name: str
    number: int
    curve: Curve


class Fragment(NamedTuple):
    """The end of a broken bone, thickened by callus."""

    curve: Curve
    tip: Curve
    """Where it broke, [2]."""
    density: float
    """From 0 to 1."""


class Bones(NamedTuple):
    """The strokes of one skeleton by what they are."""

    posterior: list[Curve]
    anterior: list[Curve]
    clavicles: list[Curve]
    fragments: list[Fragment]


def spine_shift(anatomy: Anatomy, v: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return how far the spine leans to the patient's left at height v."""
    lean = ("scoliosis_left" in anatomy.variants) - 1.0 * ("scoliosis_right" in anatomy.variants)
    return 0.10 * lean * np.cos(np.clip(2.2 * (v - 0.1), -np.pi / 2, np.pi / 2))


def posterior_rib(anatomy: Anatomy, shape: LungShape, number: int) -> Curve:
    """Return the rib's course from the spine to the chest wall."""
    start = -0.72 + number * RIB_GAP + anatomy.rib_phase
    end = min(start + 0.10 + 0.6 * anatomy.rib_slope, 1.0)
    reach = max(shape.lateral.at(end), 0.3) + 0.02
    x = 0.06 + (reach - 0.06) * np.sin(_T * np.pi / 2) ** 0.9
    v = start - 0.05 * np.sin(np.pi * np.minimum(_T * 1.5, 1)) + (end - start) * _T**2.4
    return np.stack((shape.sign * x, v), axis=1)


def anterior_rib(anatomy: Anatomy, posterior: Curve, number: int) -> Curve:
    """Return the same rib's course from the chest wall forward and down to its cartilage."""
    u, v = posterior[-1]
    end = -0.20 + number * 0.155 + anatomy.rib_phase
    inner = np.sign(u) * (0.20 + 0.03 * number)
    return np.stack((u + (inner - u) * _T**1.15, v + (end - v) * np.sin(_T * np.pi / 2)), axis=1)


def clavicle(anatomy: Anatomy, sign: float, ap: bool) -> Curve:
    """Return the collar bone's course from the breastbone to the shoulder."""
    rise = anatomy.clavicle_angle + (0.06 if ap else 0.0)
    x = 0.07 + 0.70 * _T
    v = -0.56 - (0.05 if ap else 0.0) - rise * _T + 0.035 * np.sin(2 * np.pi * _T)
    return np.stack((sign * x, v), axis=1)


def fracture_point(finding: PhantomFinding, curve: Curve) -> int:
    """Return the place in the curve where the bone is broken."""
    low, high = (0.24, 0.50) if finding.kind == "rib_fracture" else (0.20, 0.42)
    return round((low + (high - low) * (finding.across - 0.32) / 0.40) * (len(curve) - 1))


def fractured_bone(finding: PhantomFinding, anatomy: Anatomy, shape: LungShape, ap: bool) -> Bone:
    """Return the whole bone that a fracture breaks."""
    if finding.kind == "clavicle_fracture":
        return Bone("clavicle", 0, clavicle(anatomy, shape.sign, ap))
    number = _FRACTURED_RIB[finding.zone]
    return Bone("rib", number, posterior_rib(anatomy, shape, number))


def bones(anatomy: Anatomy, shapes: Mapping[str, LungShape], ap: bool, findings: Sequence[PhantomFinding]) -> Bones:
    """Return all strokes of the skeleton in front of the lungs, broken where a fracture is."""
    result = Bones([], [], [], [])
    for side, shape in shapes.items():
        breaks = {}
        for finding in findings:
            if finding.kind in FRACTURES and finding.side == side:
                bone = fractured_bone(finding, anatomy, shape, ap)
                pieces = _broken(finding, bone.curve)
                breaks[bone.name, bone.number] = pieces
                inner, outer = pieces[0][-_FRAGMENT_POINTS:], pieces[1][:_FRAGMENT_POINTS]
                result.fragments.append(Fragment(inner, inner[-1], finding.contrast))
                result.fragments.append(Fragment(outer, outer[0], finding.contrast))
        for number in range(NUM_RIBS):
            whole = posterior_rib(anatomy, shape, number)
            result.posterior.extend(breaks.get(("rib", number), [whole]))
            if 1 <= number < 7:
                result.anterior.append(anterior_rib(anatomy, whole, number))
        result.clavicles.extend(breaks.get(("clavicle", 0), [clavicle(anatomy, SIGNS[side], ap)]))
    return result


def _broken(finding: PhantomFinding, curve: Curve) -> list[Curve]:
    """Return the two pieces of a bone: a gap between them, the outer one slipped down, the inner one risen."""
    fine = np.stack([np.interp(_FINE, _T, column) for column in curve.T], axis=1)
    distance = np.linalg.norm(fine - curve[fracture_point(finding, curve)], axis=1)
    place = int(np.argmin(distance))
    slip = (0.05 + 0.035 * finding.severity) * (0.6 if finding.faint else 1.0)
    inner, outer = fine[:place][distance[:place] > _HALF_GAP], fine[place:][distance[place:] > _HALF_GAP]
    inner[:, 1] -= 0.45 * slip * np.linspace(0, 1, len(inner)) ** 2
    outer[:, 1] += slip if finding.kind == "clavicle_fracture" else slip * np.linspace(1, 0, len(outer))
    return [inner, outer]


def draw_vessels(canvas: Canvas, anatomy: Anatomy, shapes: Mapping[str, LungShape]) -> None:
    """Draw the pulmonary arteries, branching from each hilum into its lung."""
    rng = np.random.default_rng(anatomy.seed)
    for shape in shapes.values():
        heading = np.linspace(-1.3, 1.35, 8) + rng.normal(0, 0.12, 8)
        start = np.stack((0.15 + 0.03 * np.cos(heading), 0.10 * np.sin(heading) - 0.05 - 0.05 * shape.sign), axis=1)
        width = np.where(heading > 0.2, 0.040, 0.030)
        length = np.where(heading > 0.3, 0.26, 0.20)
        for _ in range(4):
            middle, end, bend = _grow(rng, start, heading, length)
            curves = np.stack((start, middle, end), axis=1) * (shape.sign, 1.0)
            canvas.lines(curves, width.tolist(), (0.30 + 14 * width).tolist())
            turn = rng.uniform(0.15, 0.7, len(bend))
            start, heading = np.concatenate((end, end)), np.concatenate((bend - turn, bend + turn))
            width, length = np.tile(width * 0.64, 2), np.tile(length * 0.74, 2)


def _grow(
    rng: np.random.Generator, start: Curve, heading: NDArray[np.float64], length: NDArray[np.float64]
) -> tuple[Curve, Curve, NDArray[np.float64]]:
    """Return the middles and ends of vessels, headings in radians below the horizontal, and their last headings."""
    bend = heading + rng.uniform(-0.4, 0.4, len(heading))
    half = (0.5 * length * rng.uniform(0.7, 1.25, len(heading)))[:, None]
    middle = start + half * np.stack((np.cos(heading), np.sin(heading)), axis=1)
    return middle, middle + half * np.stack((np.cos(bend), np.sin(bend)), axis=1), bend
