"""From stored values to what a viewer shows: modality LUT, VOI LUT or window, inversion, padding (PS3.3 C.11).

All of these map one value to one value, so they are computed once per value that occurs, not once per pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.images.errors import ImageError

_MAX_VALUES = 1 << 16
Values = NDArray[np.float64]


class Lookup(NamedTuple):
    """A table [N] of output values; inputs outside of it take its first or last one."""

    first: int
    """The input that the table begins with."""
    values: Values

    def __call__(self, inputs: Values) -> Values:
        """Map inputs [M]."""
        places = np.clip(np.rint(inputs) - self.first, 0, len(self.values) - 1)
        return self.values[places.astype(np.intp)]


class Rescale(NamedTuple):
    """A straight line."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, inputs: Values) -> Values:
        """Map inputs [M]."""
        return inputs * self.slope + self.intercept


class Window(NamedTuple):
    """A window with one of the three functions of PS3.3 C.11.2.1; gives 0 to 1."""

    center: float
    width: float
    function: str = "LINEAR"

    def __call__(self, inputs: Values) -> Values:
        """Map inputs [M] to 0..1."""
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (inputs - self.center) / self.width, -500, 500)
            return 1 / (1 + np.exp(exponent))
        center, width = self.center, self.width
        if self.function != "LINEAR_EXACT":
            center, width = center - 0.5, max(width - 1, 1e-6)
        return np.clip((inputs - center) / width + 0.5, 0, 1)


class Display(NamedTuple):
    """How a DICOM wants its stored values shown.

    Attributes:
        modality: stored values to what the detector measured.
        voi: to grey; None where the file leaves it open. A `Lookup` gives any unit, its greatest value is white.
        inverted: low values are bright.
        bits: significant bits of a stored value.
        signed: whether stored values may be negative.
        padding: lowest and highest stored value that mean "outside of the picture"; None without.
    """

    modality: Lookup | Rescale = Rescale()
    voi: Lookup | Window | None = None
    inverted: bool = False
    bits: int = 16
    signed: bool = False
    padding: tuple[int, int] | None = None


def shown(stored: NDArray[np.integer], display: Display) -> Image.Image:
    """Return stored values [H, W] as a picture: mode "L", or "F" where the range is still to be stretched.

    Without VOI, up to 8 bits are shown as they are, as in a picture file, and deeper ones are left for a stretch.
    The same where the window shows one single grey.

    Raises:
        ImageError: the values span more than 16 bits.
    """
    low, high = int(stored.min()), int(stored.max())
    if high - low >= _MAX_VALUES:
        raise ImageError(f"expected values of at most 16 bits, found {low} to {high}", "unsupported DICOM")
    wide = np.int32 if stored.itemsize <= 2 else np.int64
    places = (stored.astype(wide) - low).astype(np.uint16)
    inputs = np.arange(low, high + 1)
    seen = np.bincount(places.ravel(), minlength=len(inputs)) > 0
    outside = _outside(inputs, display.padding)
    table = _graded(inputs, seen & ~outside, display)
    if table is not None:
        grey = 1 - table if display.inverted else table
        return Image.fromarray(np.where(outside, 0, np.rint(255 * grey)).astype(np.uint8)[places])
    measured = display.modality(inputs.astype(np.float64)) * (-1 if display.inverted else 1)
    darkest = measured[seen & ~outside].min(initial=measured.max())
    return Image.fromarray(np.where(outside, darkest, measured).astype(np.float32)[places])


def _outside(inputs: NDArray[np.integer], padding: tuple[int, int] | None) -> NDArray[np.bool_]:
    if padding is None:
        return np.zeros(len(inputs), bool)
    return (inputs >= padding[0]) & (inputs <= padding[1])


def _graded(inputs: NDArray[np.integer], seen: NDArray[np.bool_], display: Display) -> Values | None:
    """Return grey 0..1 for each input [M], or None where only a stretch can tell."""
    if display.voi is not None:
        grey = display.voi(display.modality(inputs.astype(np.float64)))
        if isinstance(display.voi, Lookup):
            grey = grey / max(display.voi.values.max(), 1)
        if np.ptp(grey[seen]) > 0 if seen.any() else True:
            return grey
    if display.bits <= 8 and isinstance(display.modality, Rescale) and display.modality.slope > 0:
        lowest = -(1 << display.bits - 1) if display.signed else 0
        return np.clip((inputs - lowest) / ((1 << display.bits) - 1), 0, 1)
    return None
