"""From a scene to grey pixels: background, shapes, blur, noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from medxpert.shapes.scene import Background, Scene, Shape

SHAPES_VERSION = 1
"""Goes up whenever the same scene gives other pixels."""

Field = NDArray[np.float32]
"""One value per pixel [H, W]."""

_SPECKLES, _CLOUDS = 24, 6
_REACH = 1.3
"""How far a shape's window goes beyond its radius."""


def render(scene: Scene, side: int) -> NDArray[np.uint8]:
    """Return the picture as grey pixels [side, side]."""
    noise = np.random.default_rng(scene.seed).standard_normal((2, side, side), dtype=np.float32)
    field = _background(scene.background, noise[0])
    for shape in scene.shapes:
        _paint(field, shape, noise[0])
    if scene.blur:
        field = _blurred(field, scene.blur * side / 2)
    field += np.float32(scene.noise) * noise[1]
    return (np.clip(field, 0, 1) * 255 + 0.5).astype(np.uint8)


@lru_cache(maxsize=4)
def _grid(side: int) -> tuple[Field, Field]:
    """Return x [1, side] and y [side, 1] of the pixel centres."""
    line = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / side) - 1
    return line[None], line[:, None]


def _background(background: Background, noise: Field) -> Field:
    x, y = _grid(len(noise))
    along, across = _turned(x, y, background.angle)
    pattern = _PATTERNS[background.kind](along, across, np.float32(background.period), noise)
    return np.broadcast_to(np.float32(background.grey) + np.float32(background.swing) * pattern, noise.shape).copy()


def _paint(field: Field, shape: Shape, noise: Field) -> None:
    """Lay one shape over what is there; only the pixels around it are touched."""
    side = len(field)
    rows, columns = (_window(centre, _REACH * shape.radius, side) for centre in (shape.y, shape.x))
    x, y = _grid(side)
    radius = np.float32(shape.radius)
    u, v = _turned((x[:, columns] - shape.x) / radius, (y[rows] - shape.y) / radius, shape.angle)
    softness = 0.5 if shape.fill == "soft" else 2 / (side * shape.radius)
    opacity = np.clip(_INSIDE[shape.kind](u, v) / np.float32(softness) + np.float32(0.5), 0, 1)
    opacity *= _filled(shape.fill, u, v, noise[rows, columns])
    part = field[rows, columns]
    part += opacity * (np.float32(shape.grey) - part)


def _window(centre: float, reach: float, side: int) -> slice:
    first, last = ((centre + way * reach + 1) * side / 2 for way in (-1, 1))
    return slice(max(0, int(first)), min(side, int(last) + 1))


def _turned(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x + sin * y, cos * y - sin * x


def _filled(fill: str, u: Field, v: Field, noise: Field) -> Field | np.float32:
    """Return how much of a shape's grey each pixel takes: half or all of it where the fill has a pattern."""
    if fill == "striped":
        on = np.sin(np.float32(9) * u) > 0
    elif fill == "checkered":
        on = np.sin(np.float32(7) * u) * np.sin(np.float32(7) * v) > 0
    elif fill == "speckled":
        on = _coarse(noise, _SPECKLES)[: noise.shape[0], : noise.shape[1]] > 0
    else:
        return np.float32(1)
    return np.where(on, np.float32(1), np.float32(0.4))


def _coarse(noise: Field, cells: int) -> Field:
    """Return noise [H, W] whose grain is a `cells`-th of its longer side wide."""
    few = noise[:cells, :cells]
    side = max(noise.shape)
    return np.asarray(Image.fromarray(few).resize((side, side), Image.Resampling.BICUBIC))


def _blurred(field: Field, radius_px: float) -> Field:
    levels = Image.fromarray((np.clip(field, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(levels.filter(ImageFilter.GaussianBlur(radius_px)), np.float32) * np.float32(1 / 255)


def _triangle(u: Field, v: Field) -> Field:
    """Stand on a side: three half planes at a distance of a half."""
    slope = np.float32(3**0.5 / 2)
    return np.minimum(np.float32(0.5) - v, np.float32(0.5) + v / 2 - slope * np.abs(u))


def _cross(u: Field, v: Field) -> Field:
    u, v = np.abs(u), np.abs(v)
    wide, long = np.float32(0.3), np.float32(0.95)
    return np.maximum(np.minimum(wide - u, long - v), np.minimum(wide - v, long - u))


def _star(u: Field, v: Field) -> Field:
    """Five points: the edge goes to and fro between two radii."""
    turn = np.arctan2(v, u) * np.float32(5 / (2 * np.pi))
    return np.float32(0.4) + np.float32(1.2) * np.abs(turn - np.floor(turn) - np.float32(0.5)) - np.hypot(u, v)


def _crescent(u: Field, v: Field) -> Field:
    return np.minimum(1 - np.hypot(u, v), np.hypot(u - np.float32(0.55), v) - np.float32(0.8))


def _blob(u: Field, v: Field) -> Field:
    turn = np.arctan2(v, u)
    edge = np.float32(0.75) + np.float32(0.15) * np.cos(2 * turn) + np.float32(0.1) * np.sin(3 * turn + 1)
    return edge - np.hypot(u, v)


_INSIDE: dict[str, Callable[[Field, Field], Field]] = {
    "circle": lambda u, v: np.float32(0.9) - np.hypot(u, v),
    "ring": lambda u, v: np.float32(0.2) - np.abs(np.hypot(u, v) - np.float32(0.75)),
    "square": lambda u, v: np.float32(0.75) - np.maximum(np.abs(u), np.abs(v)),
    "triangle": _triangle,
    "cross": _cross,
    "bar": lambda u, v: np.minimum(np.float32(0.95) - np.abs(u), np.float32(0.2) - np.abs(v)),
    "star": _star,
    "crescent": _crescent,
    "oval": lambda u, v: np.float32(0.95) - np.hypot(u, v * np.float32(1.8)),
    "blob": _blob,
}
"""Kind -> distance to the edge, positive inside, at places (u, v) in units of the radius."""

_PATTERNS: dict[str, Callable[[Field, Field, np.float32, Field], Field | np.float32]] = {
    "plain": lambda along, across, period, noise: np.float32(0),
    "graded": lambda along, across, period, noise: along * np.float32(0.8),
    "striped": lambda along, across, period, noise: np.sign(np.sin(along * np.float32(2 * np.pi) / period)),
    "checkered": lambda along, across, period, noise: np.sign(
        np.sin(along * np.float32(2 * np.pi) / period) * np.sin(across * np.float32(2 * np.pi) / period)
    ),
    "cloudy": lambda along, across, period, noise: np.clip(_coarse(noise, _CLOUDS), -1, 1),
    "grainy": lambda along, across, period, noise: np.clip(_coarse(noise, 8 * _CLOUDS), -1, 1),
}
"""Background -> its pattern, about -1 to 1, at places along and across its direction."""
