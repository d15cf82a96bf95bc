"""What every built radiograph shares: outlines of bone and soft tissue, and the film that they darken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.phantom.geometry import Canvas, Field, Pose, blur, film_grid, smooth_noise

Points = NDArray[np.floating]
Pixels = NDArray[np.uint8]

_STEPS = 24


def pose(generator: np.random.Generator, angle: float = 0.15, scale: float = 0.12, shift: float = 0.08) -> Pose:
    """Draw how a body part lies on the film: turned by up to `angle` radians, scaled and shifted by like bounds."""
    turned, scaled, right, down = generator.uniform(-1, 1, 4)
    return Pose(angle * turned, 1 + scale * scaled, shift * right, shift * down)


def strip(points: Points, widths: NDArray[np.floating]) -> Points:
    """Return the outline [M, 2] of a band of varying width along P points [P, 2], its ends rounded."""
    at = np.linspace(0, len(points) - 1, _STEPS)
    centre = np.stack([_smooth(np.interp(at, np.arange(len(points)), axis)) for axis in points.T], axis=1)
    half = _smooth(np.interp(at, np.arange(len(points)), widths))[:, None] / 2
    along = np.gradient(centre, axis=0)
    across = np.stack((-along[:, 1], along[:, 0]), axis=1)
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    ends = [_cap(centre[-1], across[-1], half[-1, 0]), _cap(centre[0], -across[0], half[0, 0])]
    return np.concatenate([centre + across * half, ends[0], (centre - across * half)[::-1], ends[1]])


def ellipse(centre: tuple[float, float], radii: tuple[float, float], angle: float = 0.0) -> Points:
    """Return the outline [M, 2] of an ellipse turned by an angle in radians."""
    t = np.linspace(0, 2 * np.pi, 2 * _STEPS, endpoint=False)
    u, v = radii[0] * np.cos(t), radii[1] * np.sin(t)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack((cos * u - sin * v, sin * u + cos * v), axis=1) + np.array(centre)


def blob(generator: np.random.Generator, centre: tuple[float, float], radii: tuple[float, float]) -> Points:
    """Return the outline [M, 2] of an ellipse with random dents."""
    points = ellipse(centre, radii)
    t = np.linspace(0, 2 * np.pi, len(points), endpoint=False)
    dents = sum(generator.uniform(-0.1, 0.1) * np.cos(k * t + generator.uniform(0, 6.3)) for k in (2, 3, 4))
    return np.array(centre) + (points - np.array(centre)) * (1 + np.asarray(dents))[:, None]


def fill(side: int, pose: Pose, outlines: list[Points], softness: float = 0.01) -> Field:
    """Return 0..1 [side, side]: 1 inside any of the outlines, with soft edges."""
    canvas = Canvas(side, pose)
    for outline in outlines:
        canvas.polygon(outline, 1.0)
    return blur(canvas.field(), softness)


def bones(side: int, pose: Pose, outlines: list[Points], hollow: float = 0.7, core: float = 0.6) -> Field:
    """Return 0..1 [side, side]: bones whose cortex is denser than their marrow.

    Args:
        side: pixels per side.
        pose: of the body part.
        outlines: of the bones.
        hollow: size of the marrow relative to the bone.
        core: density of the marrow relative to the cortex.
    """
    canvas = Canvas(side, pose)
    for outline in outlines:
        middle = outline.mean(axis=0)
        canvas.polygon(outline, 1.0)
        canvas.polygon(middle + hollow * (outline - middle), core)
    return blur(canvas.field(), 0.008)


def thick(inside: Field, roundness: float) -> Field:
    """Turn a filled outline [H, W] into the depth of a rounded body of that shape, 0..1."""
    depth: Field = np.sqrt(np.clip(blur(inside, roundness) * inside, 0, 1))
    return depth


def expose(attenuation: Field, generator: np.random.Generator) -> Pixels:
    """Expose a film, bone white: uneven beam, contrast curve, grain, collimation, a marker now and then."""
    side = len(attenuation)
    x, y = film_grid(side)
    tilt = generator.uniform(-0.08, 0.08, 2)
    grey = attenuation * (1 + 0.05 * smooth_noise(int(generator.integers(2**31)), 24, side))
    grey = grey * generator.uniform(0.85, 1.2) + generator.uniform(0.0, 0.06) + tilt[0] * x + tilt[1] * y
    grey = np.clip(grey, 0, 1) ** generator.uniform(0.8, 1.25)
    grey = grey + generator.uniform(0.008, 0.025) * generator.standard_normal((side, side))
    if generator.random() < 0.5:
        grey = np.maximum(grey, _marker(side, generator))
    edge = generator.uniform(0.8, 1.3, 4)
    outside = (x < -edge[0]) | (x > edge[1]) | (y < -edge[2]) | (y > edge[3])
    return levels(np.where(outside, 0.02, grey))


def levels(grey: Field) -> Pixels:
    """Round grey values 0..1 to uint8."""
    return (np.clip(grey, 0, 1) * 255 + 0.5).astype(np.uint8)


def _marker(side: int, generator: np.random.Generator) -> Field:
    canvas = Canvas(side, pose(generator, angle=0.1, shift=0.0))
    corner = np.array(((-0.8, 0.75)[generator.integers(2)], generator.uniform(-0.85, -0.5)))
    canvas.line(np.array(((0.0, 0.0), (0.0, 0.1), (0.06, 0.1))) + corner, 0.02, 0.95)
    return canvas.field()


def _smooth(line: NDArray[np.floating]) -> NDArray[np.floating]:
    """Average each value with its neighbours; the ends stay."""
    inner = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
    return np.concatenate((line[:1], inner, line[-1:]))


def _cap(centre: Points, across: Points, radius: float) -> Points:
    """Return the half circle from +across to -across, through the direction that leaves the band."""
    along = np.array((across[1], -across[0]))
    t = np.linspace(0, np.pi, 9)[1:-1, None]
    return centre + radius * (np.cos(t) * across + np.sin(t) * along)
