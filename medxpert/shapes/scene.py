"""Scenes of plain shapes on a background: what a picture shows, drawn at random; nothing medical.

Places run from -1 to 1, x to the right and y down; radii have the same unit. Grey levels run from 0, black, to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")

KINDS = ("circle", "ring", "square", "triangle", "cross", "bar", "star", "crescent", "oval", "blob")
FILLS = ("plain", "striped", "checkered", "speckled", "soft")
BACKGROUNDS = ("plain", "graded", "striped", "checkered", "cloudy", "grainy")
SIZES = {"small": (0.12, 0.17), "medium": (0.22, 0.28), "large": (0.35, 0.46)}
"""Smallest and largest radius of each size."""

_NUMBERS = (0, 1, 1, 2, 2, 2, 3, 3, 4)
"""A scene has one of these numbers of shapes, each equally likely."""

_ALIKE = 0.3
_FREELY_TURNED = ("bar", "star", "crescent", "oval", "blob")
_MIN_CONTRAST, _MAX_CONTRAST = 0.22, 0.5
_GAP = 0.06
_TRIES = 20
_MAX_SEED = 2**31


@dataclass(frozen=True)
class Shape:
    """One shape: kind and fill by name, centre, radius, turn in radians, grey level."""

    kind: str
    fill: str
    x: float
    y: float
    radius: float
    angle: float
    grey: float

    @property
    def size(self) -> str:
        """The size's name."""
        return next(name for name, (_, largest) in SIZES.items() if self.radius <= largest)

    @property
    def place(self) -> str:
        """The cell of a grid of three by three: "upper left", "right", "centre"."""
        words = [_third(self.y, "upper", "lower"), _third(self.x, "left", "right")]
        return " ".join(word for word in words if word) or "centre"


@dataclass(frozen=True)
class Background:
    """What lies behind the shapes: a pattern by name, its mean grey, its swing to either side, turn and period."""

    kind: str
    grey: float
    swing: float
    angle: float
    period: float


@dataclass(frozen=True)
class Scene:
    """Everything that a picture depends on.

    Attributes:
        blur: standard deviation in units of place.
        noise: standard deviation in grey levels.
        seed: of noise, clouds, grain and speckles.
    """

    background: Background
    shapes: tuple[Shape, ...]
    blur: float
    noise: float
    seed: int

    def tone(self, shape: Shape) -> str:
        """Tell whether a shape is "bright" or "dark" beside the background."""
        return "bright" if shape.grey > self.background.grey else "dark"

    def count(self, kind: str) -> int:
        """Count the shapes of a kind."""
        return sum(shape.kind == kind for shape in self.shapes)


class Dice:
    """Draws from a series of random parts, which is cheaper than one call of a generator per draw."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._parts: Iterator[float] = iter(())

    def part(self) -> float:
        """Return a number in [0, 1)."""
        for part in self._parts:
            return part
        self._parts = iter(self._rng.random(64).tolist())
        return self.part()

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * self.part()

    def pick(self, items: Sequence[T]) -> T:
        """Return one of some items, each equally likely."""
        return items[int(self.part() * len(items))]


def draw_scene(dice: Dice) -> Scene:
    """Draw a background, then shapes that neither overlap nor leave the picture."""
    background = _draw_background(dice)
    number, alike, common = dice.pick(_NUMBERS), dice.part() < _ALIKE, dice.pick(KINDS)
    shapes: list[Shape] = []
    for _ in range(number):
        shape = _draw_shape(common if alike else dice.pick(KINDS), background, shapes, dice)
        if shape:
            shapes.append(shape)
    blur = 0.03 * dice.part() ** 2
    return Scene(background, tuple(shapes), blur, dice.between(0.0, 0.08), int(dice.part() * _MAX_SEED))


def _draw_background(dice: Dice) -> Background:
    kind = dice.pick(BACKGROUNDS)
    swing = 0.0 if kind == "plain" else dice.between(0.05, 0.12)
    return Background(
        kind, dice.between(0.25, 0.75), swing, dice.between(0, 2 * math.pi), math.exp(dice.between(-2.5, -0.7))
    )


def _draw_shape(kind: str, background: Background, others: Sequence[Shape], dice: Dice) -> Shape | None:
    """Draw a shape clear of the others; None where there is no room."""
    radius = dice.between(*dice.pick(tuple(SIZES.values())))
    angle = dice.between(0, 2 * math.pi) if kind in _FREELY_TURNED else dice.between(-0.2, 0.2)
    fill, grey = dice.pick(FILLS), _draw_grey(background.grey, dice)
    for _ in range(_TRIES):
        x, y = (dice.between(radius - 1, 1 - radius) for _ in "xy")
        if all(math.hypot(x - other.x, y - other.y) > radius + other.radius + _GAP for other in others):
            return Shape(kind, fill, x, y, radius, angle, grey)
    return None


def _draw_grey(around: float, dice: Dice) -> float:
    """Draw a level that stands out from the background's."""
    contrast = dice.between(_MIN_CONTRAST, _MAX_CONTRAST)
    bright, dark = around + contrast, around - contrast
    if bright > 1:
        return dark
    return bright if dark < 0 or dice.part() < 0.5 else dark


def _third(value: float, low: str, high: str) -> str:
    return low if value < -1 / 3 else high if value > 1 / 3 else ""
