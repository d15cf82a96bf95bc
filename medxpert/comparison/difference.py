"""What is brighter or darker on the current film than on the prior one, once the two are laid over each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.comparison.aligning import Alignment, align
from medxpert.comparison.filtering import Floats, averaged, inner, shown, slope
from medxpert.comparison.warping import sampled

LEAST_CORRELATION = 0.4
"""Two films that agree less than this, once aligned, are not laid over each other."""
LEAST_OVERLAP = 0.5
"""Share of the current film that the prior one must cover."""
FULL = 0.25
"""Difference, as a share of the grey range, that is drawn in full."""
_BLUR = 0.012
"""Of the longest side: what is smaller is grain, or the edge of a rib that moved."""
_SLACK = 0.008
"""Of the longest side: how far off an aligned point may still lie."""
_EDGE = 0.02
"""Of the longest side: how wide the rim of either film is that counts less."""
_ROUNDS = 4
_DAMPING = 1e-6
_SPREAD = 1.4826
"""Standard deviations of a normal distribution in one median absolute deviation."""
_UNALIKE = (
    "The two films could not be laid over each other (they agree to {after:.2f} of 1, at least {least:.2f} is needed)."
)
_APART = "The two films show too little of the same: {overlap:.0%} of the current one, at least {least:.0%} is needed."


class Difference(NamedTuple):
    """What differs between two films.

    Attributes:
        map: signed, float32 [H, W] over the current film, in -1..1: above 0 what is brighter now; 1 is a quarter of
            the grey range. None where the films could not be aligned.
        before: correlation of the two films' local contrast as they are.
        after: likewise, once they are aligned.
        overlap: share of the current film that the prior one covers.
        alignment: that was found.
        reason: why there is no map; "" where there is one.
    """

    map: Floats | None
    before: float
    after: float
    overlap: float
    alignment: Alignment
    reason: str = ""

    @property
    def brighter(self) -> Floats | None:
        """What is brighter now, [H, W] in 0..1."""
        return None if self.map is None else np.clip(self.map, 0, 1)

    @property
    def darker(self) -> Floats | None:
        """What is darker now, [H, W] in 0..1."""
        return None if self.map is None else np.clip(-self.map, 0, 1)


def difference(prior: NDArray[np.uint8], current: NDArray[np.uint8]) -> Difference:
    """Lay a prior film over the current one and tell what differs.

    The prior film is moved, turned, scaled and stretched a little (`aligning.align`); its grey values are made those of
    the current film by a robust curve, so that exposure is no difference. What a point that lies slightly off would
    explain is left out of the map.

    Args:
        prior: grey [h, w], bone white.
        current: grey [H, W], likewise; of any other size.
    """
    then, now = (film.astype(np.float32) / np.float32(255) for film in (prior, current))
    found = align(then, now)
    told = Difference(None, found.before, found.after, found.overlap, found)
    if found.after < LEAST_CORRELATION:
        return told._replace(reason=_UNALIKE.format(after=max(found.after, 0.0), least=LEAST_CORRELATION))
    if found.overlap < LEAST_OVERLAP:
        return told._replace(reason=_APART.format(overlap=found.overlap, least=LEAST_OVERLAP))
    return told._replace(map=signed(then, now, found))


def signed(then: Floats, now: Floats, alignment: Alignment) -> Floats:
    """Return the difference between two films in 0..1, the first aligned to the second, as `Difference.map` is.

    Args:
        then: the prior film [h, w].
        now: the current film [H, W].
        alignment: of the first to the second.
    """
    side = max(now.shape)
    valid = shown(now) & (sampled(shown(then).astype(np.float32), alignment.matrix, now.shape) > 0.99)
    weight = inner(valid, _EDGE * side)
    smooth, warped = (
        _smoothed(film, valid, _BLUR * side) for film in (now, sampled(then, alignment.matrix, now.shape))
    )
    matched = _matched(warped, smooth, weight > 0)
    rest = smooth - matched
    explained = _SLACK * side * np.maximum(slope(smooth), slope(matched))
    kept = np.sign(rest) * np.maximum(np.abs(rest) - explained, 0)
    return np.clip(weight * kept / FULL, -1, 1).astype(np.float32)


def _smoothed(film: Floats, valid: NDArray[np.bool_], sigma: float) -> Floats:
    """Smooth what is shown; what is not takes no part."""
    return averaged(film * valid, sigma) / (averaged(valid.astype(np.float32), sigma) + 1e-3)


def _matched(then: Floats, now: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Give one film the grey values of the other, by a curve and a shading that are quadratic.

    The fit is robust (Cauchy weights), so that what differs much, as a new finding does, does not bend it.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, length, dtype=np.float32) for length in now.shape), indexing="ij")
    terms = np.stack([np.ones_like(then), then, then**2, y, x, y * y, x * y, x * x], -1)
    rows, goal = terms[inside], now[inside]
    if len(goal) < rows.shape[1]:
        return then
    weights = np.ones_like(goal)
    for _ in range(_ROUNDS):
        weighted = rows * weights[:, None]
        solved = np.linalg.solve(weighted.T @ rows + _DAMPING * len(goal) * np.eye(rows.shape[1]), weighted.T @ goal)
        rest = goal - rows @ solved
        scale = 2 * _SPREAD * float(np.median(np.abs(rest))) + 1e-6
        weights = 1 / (1 + (rest / scale) ** 2)
    matched: Floats = (terms @ solved).astype(np.float32)
    return matched
