"""Where things are on the film: grids, poses, soft edges, correlated noise and strokes.

Film coordinates run from -1 to 1, x to the right and y down; body coordinates (u, v) have the same unit before the
patient is turned, scaled and shifted. The patient's right is at negative u. H = W = side pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Field = NDArray[np.floating]
"""One value per pixel [H, W], float32 wherever speed matters."""

SIGNS = {"right": -1.0, "left": 1.0}
"""The sign of u on each side of the patient."""

_TABLE_SPAN = 2.0
_TABLE_STEPS = 2048


@lru_cache(maxsize=8)
def film_grid(side: int) -> tuple[Field, Field]:
    """Return x and y of the pixel centres, each [side, side] in (-1, 1)."""
    line = (np.arange(side, dtype=np.float32) + 0.5) * np.float32(2 / side) - 1
    x, y = np.meshgrid(line, line)
    return x, y


@dataclass(frozen=True)
class Pose:
    """How the patient stands on the film: turn in radians, magnification, shift in film units."""

    angle: float
    scale: float
    shift_x: float
    shift_y: float

    def body_grid(self, side: int) -> tuple[Field, Field]:
        """Return u and v of the pixel centres, each [side, side]."""
        x, y = film_grid(side)
        cos, sin = np.float32(np.cos(self.angle) / self.scale), np.float32(np.sin(self.angle) / self.scale)
        x, y = x - np.float32(self.shift_x), y - np.float32(self.shift_y)
        return cos * x + sin * y, cos * y - sin * x

    def to_film(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Map body points [N, 2] to film points [N, 2]."""
        cos, sin = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        u, v = points[:, 0], points[:, 1]
        return np.stack((cos * u - sin * v + self.shift_x, sin * u + cos * v + self.shift_y), axis=1)


UPRIGHT = Pose(angle=0.0, scale=1.0, shift_x=0.0, shift_y=0.0)


def soft_step(distance: Field, softness: float) -> Field:
    """Rise from 0 to 1 while the distance goes from -softness / 2 to softness / 2."""
    t = np.clip(distance * np.float32(1 / softness) + np.float32(0.5), 0, 1)
    return t * t * (3 - 2 * t)


def bump(squared_radius: Field) -> Field:
    """Fall smoothly from 1 at radius 0 to 0 at radius 1."""
    t = np.clip(1 - squared_radius, 0, 1)
    return t * t


class Profile:
    """A curve of the height v that whole fields look up quickly."""

    def __init__(self, heights: NDArray[np.floating], values: NDArray[np.floating]) -> None:
        steps = np.linspace(-_TABLE_SPAN, _TABLE_SPAN, _TABLE_STEPS)
        self._table = np.interp(steps, heights, values).astype(np.float32)

    def at(self, v: float) -> float:
        """Return the value at one height."""
        return float(self._table[int(self._rows(np.float32(v)))])

    def over(self, v: Field) -> Field:
        """Return the value at each pixel [H, W]."""
        return self._table[self._rows(v)]

    @staticmethod
    def _rows(v: Field | np.float32) -> NDArray[np.int32]:
        scaled = (np.clip(v, -_TABLE_SPAN, _TABLE_SPAN) + _TABLE_SPAN) * ((_TABLE_STEPS - 1) / (2 * _TABLE_SPAN))
        return (scaled + 0.5).astype(np.int32)


def smooth_noise(seed: int, cells: int, side: int) -> Field:
    """Return noise of about unit variance [side, side] whose grain is 2 / cells film units wide."""
    coarse = np.random.default_rng(seed).standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def blur(field: Field, radius: float) -> Field:
    """Blur by a Gaussian whose standard deviation is given in film units."""
    side = field.shape[0]
    levels = Image.fromarray((np.clip(field, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(levels.filter(ImageFilter.GaussianBlur(radius * side / 2)), dtype=np.float32) / 255


class Canvas:
    """Strokes and shapes drawn finer than the pixels, then averaged down to the film."""

    def __init__(self, side: int, pose: Pose) -> None:
        self._side = side
        self._pose = pose
        self._fine = side * 4 if side <= 160 else side * 2
        self._image = Image.new("L", (self._fine, self._fine))
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: NDArray[np.floating], width: float, value: float) -> None:
        """Draw body points [P, 2] as one stroke; width in body units, value in 0..1."""
        pixels = self._pixels(points).ravel().tolist()
        self._draw.line(pixels, fill=self._level(value), width=self._width(width))

    def tube(self, points: NDArray[np.floating], width: float, rim: float, core: float) -> None:
        """Draw body points [P, 2] as one stroke with rims of one value and a core of another."""
        pixels = self._pixels(points).ravel().tolist()
        self._draw.line(pixels, fill=self._level(rim), width=self._width(width))
        self._draw.line(pixels, fill=self._level(core), width=self._width(0.6 * width))

    def lines(self, curves: NDArray[np.floating], widths: Sequence[float], values: Sequence[float]) -> None:
        """Draw N curves [N, P, 2] one after the other."""
        pixels = self._pixels(curves.reshape(-1, 2)).reshape(len(curves), -1).tolist()
        for row, width, value in zip(pixels, widths, values, strict=True):
            self._draw.line(row, fill=self._level(value), width=self._width(width))

    def polygon(self, points: NDArray[np.floating], value: float) -> None:
        """Fill the outline given by body points [P, 2]."""
        self._draw.polygon(self._pixels(points).ravel().tolist(), fill=self._level(value))

    def disc(self, centre: NDArray[np.floating], radius: float, value: float) -> None:
        """Fill a circle around a body point [2]."""
        t = np.linspace(0, 2 * np.pi, 24)
        self.polygon(centre + radius * np.stack((np.cos(t), np.sin(t)), axis=1), value)

    def field(self) -> Field:
        """Return what was drawn, 0..1 [side, side]."""
        small = self._image.reduce(self._fine // self._side)
        return np.asarray(small, dtype=np.float32) * np.float32(1 / 255)

    def _pixels(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        return (self._pose.to_film(points) + 1) * (self._fine / 2)

    def _width(self, width: float) -> int:
        return max(1, round(width * self._pose.scale * self._fine / 2))

    @staticmethod
    def _level(value: float) -> int:
        return round(255 * min(max(value, 0.0), 1.0))
