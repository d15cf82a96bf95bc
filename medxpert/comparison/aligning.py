"""Finds how a prior film lies on the current one: a coarse search, then Gauss-Newton steps at rising resolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.comparison.filtering import Floats, averaged, gradient, local_contrast, shown, shrunk
from medxpert.comparison.warping import UNMOVED, Matrix, bends, grid, sampled, terms_of

_BENDS = (3, 6, 10)

_SIDES = (32, 64, 128)
"""Pixels of the longest side at each level."""
_SCALES = np.exp(np.linspace(-0.28, 0.28, 9))
_ANGLES = np.radians(np.linspace(-12, 12, 7))
_FARTHEST = 0.25
"""Shift, as a share of the longest side, that the coarse search looks for."""
_CANDIDATES = 3
_STEPS = 10
_FEWEST = 32
_DAMPING = 1e-5
_STILL = 1e-4
_MOST_STRETCH = 1.6
_LEAST_STRETCH = 0.6
_MOST_SHIFT = 0.4
_MOST_BEND = 0.15
"""Farther no place may lie from where the affine part of a map puts it."""
_STIFFNESS = 1e-5
_LOOSE = 3.0
"""Median absolute differences from which on a pixel pulls less."""


@dataclass(frozen=True)
class Alignment:
    """How a prior film lies on the current one.

    Attributes:
        matrix: [2, K], from places on the current film to places on the prior one.
        before: correlation of local contrast as the films are.
        after: likewise, once they are aligned.
        overlap: share of what the current film shows that the prior one covers.
    """

    matrix: Matrix
    before: float
    after: float
    overlap: float

    @property
    def angle_degrees(self) -> float:
        """By how much the prior film is turned, clockwise where positive."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0] - self.matrix[0, 1], np.trace(self.matrix[:, :2]))))

    @property
    def scale(self) -> float:
        """By how much the patient is larger on the prior film."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def shift(self) -> float:
        """By how much the centre moves, as a share of the longest side."""
        return float(np.hypot(*self.matrix[:, 2]))


class _Level(NamedTuple):
    """Local contrast of both films at one resolution, and where they show anything."""

    then: Floats
    """[h, w, 4]: local contrast, its derivatives downwards and across, and where anything is shown."""
    now: Floats
    now_shown: NDArray[np.bool_]


def align(then: Floats, now: Floats) -> Alignment:
    """Find the smooth map from the current film to the prior one under which their local contrast agrees best.

    Scale, angle and shift are searched on small pictures by cross-correlation; the best few are refined by
    Gauss-Newton steps on the squared difference of local contrast, with weights that keep what is new on one film from
    pulling at the other (Baker and Matthews, IJCV 56, 2004; weights of Geman and McClure). At last the map may stretch
    and bend as a cubic, as a chest does with each breath (temporal subtraction: Kano et al., Med Phys 21, 1994).

    Args:
        then: the prior film, grey [h, w] in 0..1.
        now: the current film [H, W], likewise.
    """
    levels = [_level(then, now, side) for side in _SIDES]
    coarse = [_refined(levels[0], matrix) for matrix in _searched(levels[0])]
    fine = [_refined(levels[1], matrix) for matrix in [UNMOVED, *coarse]]
    matrix = max(fine, key=lambda matrix: _agreement(levels[1], matrix)[0])
    for level, count in (*((levels[1], count) for count in _BENDS), (levels[2], _BENDS[-1])):
        matrix = _refined(level, np.pad(matrix, ((0, 0), (0, count - matrix.shape[1]))), count)
    after, overlap = _agreement(levels[2], matrix)
    before, whole = _agreement(levels[2], UNMOVED)
    if before >= after:
        return Alignment(UNMOVED, before, before, whole)
    return Alignment(matrix, before, after, overlap)


def _level(then: Floats, now: Floats, side: int) -> _Level:
    small, large = (averaged(shrunk(image, side), 0.7) for image in (then, now))
    seen, visible = shown(small), shown(large)
    contrast = local_contrast(small, seen)
    then_all = np.stack([contrast, *gradient(contrast, 1 / max(small.shape)), seen.astype(np.float32)], -1)
    return _Level(then_all, local_contrast(large, visible), visible)


def _searched(level: _Level) -> Iterator[Matrix]:
    """Yield the likeliest similarity maps, by cross-correlation in the frequency domain."""
    side = 2 * max(level.now.shape)
    goal = np.fft.rfft2(level.now, (side, side))
    found = []
    for scale in _SCALES:
        for angle in _ANGLES:
            turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            moved = sampled(level.then[..., 0], np.c_[turned, np.zeros(2)], level.now.shape)
            scores = np.fft.irfft2(np.conj(np.fft.rfft2(moved, (side, side))) * goal, (side, side))
            score, shift = _peak(scores, int(_FARTHEST * side / 2))
            score /= float(np.linalg.norm(moved)) + 1e-6
            found.append((score, np.c_[turned, turned @ (-shift / max(level.now.shape))]))
    found.sort(key=lambda one: -one[0])
    yield from (matrix for _, matrix in found[:_CANDIDATES])


def _peak(scores: NDArray[np.floating], farthest: int) -> tuple[float, NDArray[np.float64]]:
    """Return the greatest value among shifts of at most `farthest` pixels, and the shift (y, x)."""
    near = np.r_[-farthest : farthest + 1]
    window = scores[np.ix_(near, near)]
    y, x = np.unravel_index(int(window.argmax()), window.shape)
    return float(window[y, x]), np.array([near[y], near[x]], float)


def _agreement(level: _Level, matrix: Matrix) -> tuple[float, float]:
    """Return the correlation of local contrast where both films show something, and that share of the current."""
    there = sampled(level.then[..., [0, 3]], matrix, level.now.shape)
    both = level.now_shown & (there[..., 1] > 0.5)
    overlap = float(both.sum() / max(int(level.now_shown.sum()), 1))
    if both.sum() < 2:
        return 0.0, overlap
    first, second = there[both, 0], level.now[both]
    first, second = first - first.mean(), second - second.mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return (float(first @ second) / norm if norm else 0.0), overlap


def _refined(level: _Level, matrix: Matrix, count: int = 0) -> Matrix:
    """Take Gauss-Newton steps until they no longer move; a map that runs away is given back as it was.

    Args:
        level: what to align.
        matrix: to begin with.
        count: terms of the map that may change freely; 0 where it may only move, turn and scale.
    """
    start = matrix
    for _ in range(_STEPS):
        step = _step(level, matrix, count)
        matrix = matrix + step
        if not _is_plausible(matrix):
            return start
        if np.abs(step).max() < _STILL:
            break
    return matrix if _agreement(level, matrix)[0] >= _agreement(level, start)[0] else start


def _step(level: _Level, matrix: Matrix, count: int) -> Matrix:
    shape = level.now.shape
    there = sampled(level.then, matrix, shape)
    both = level.now_shown & (there[..., 3] > 0.5)
    if both.sum() < _FEWEST:
        return np.zeros(matrix.shape)
    by_y, by_x = there[both, 1], there[both, 2]
    y, x = (np.broadcast_to(part, shape)[both] for part in grid(shape))
    rest = level.now[both] - there[both, 0]
    if count:
        terms = terms_of(y, x, count)
        columns = np.stack([by * term for by in (by_y, by_x) for term in terms], -1)
        return _solved(columns, rest, np.tile(bends(count), 2)).reshape(2, -1)
    columns = np.stack([by_y * y + by_x * x, by_x * y - by_y * x, by_y, by_x], -1)
    grown, turned, up, along = _solved(columns, rest, np.zeros(4))
    return np.array([[grown, -turned, up], [turned, grown, along]])


def _solved(columns: NDArray[np.floating], rest: Floats, stiff: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve the normal equations with robust weights, a little damped; more so where a column bends the map."""
    scale = _LOOSE * float(np.median(np.abs(rest))) + 1e-6
    weighted = columns / (1 + (rest / scale) ** 2)[:, None] ** 2
    normal = weighted.T @ columns
    damped = normal + np.trace(normal) * np.diag(_DAMPING + _STIFFNESS * stiff)
    return np.linalg.solve(damped.astype(float), (weighted.T @ rest).astype(float))


def _is_plausible(matrix: Matrix) -> bool:
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    shift = float(np.abs(matrix[:, 2]).max())
    # no coordinate is beyond 0.5
    bend = float((np.abs(matrix[:, 3:]) / 4).sum(1).max(initial=0))
    return bool(
        stretch[0] < _MOST_STRETCH and stretch[1] > _LEAST_STRETCH and shift < _MOST_SHIFT and bend < _MOST_BEND
    )
