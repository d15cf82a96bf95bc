"""Radiographs at the depth of their source: as many levels as a file has, so that a window shows what 8 bits lose.

The same steps as for the model's pixels (`medxpert.images`), short of the last one that makes 256 greys.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.images import dicom, pictures
from medxpert.images.dataset import SUFFIXES, guarded, is_dicom, open_dataset
from medxpert.images.display import Display, Lookup, Rescale, Window
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, load_whole
from medxpert.images.orientation import orientation, upright
from medxpert.images.resize import Goal, Size, resized

MAX_LEVELS = 1 << 16
_OVERVIEW = 224
"""Where a file names no window, its extremes are taken at this side, where a hot pixel hardly counts."""
_GREYS = 256


class Span(NamedTuple):
    """The values that are shown black and white."""

    low: float
    high: float


class Deep(NamedTuple):
    """A radiograph before windowing.

    Attributes:
        levels: uint16 [H, W], longest side as asked, aspect kept, never enlarged.
        num_levels: levels are below it.
        lo: the value that level 0 stands for; the others are evenly spaced.
        hi: the value that level `num_levels - 1` stands for.
        window: the file's own, else what shows all there is.
        inverted: low values are bright.
        sigmoid: the window is a sigmoid of the same centre and width (PS3.3 C.11.2.1.3.1).
        unit: what the values are, in a word.
        full: the source's size in pixels.
    """

    levels: NDArray[np.uint16]
    num_levels: int
    lo: float
    hi: float
    window: Span
    inverted: bool
    sigmoid: bool
    unit: str
    full: Size


class _Table(NamedTuple):
    """What each stored value from the least to the greatest that occurs comes to; all [M]."""

    values: NDArray[np.float64]
    seen: NDArray[np.bool_]
    outside: NDArray[np.bool_]


def deep(data: bytes, suffix: str, side: int) -> Deep:
    """Decode a picture or DICOM.

    Args:
        data: the file's content.
        suffix: of its name; a DICOM without preamble is known by it alone.
        side: longest side in pixels; the picture is never enlarged.

    Raises:
        ImageError: as for `medxpert.images.files.load`.
    """
    if is_dicom(data):
        return _from_dicom(data, side, force=False)
    try:
        grey = load_whole(ImageBytes(data), side)
    except ImageError as error:
        if error.reason != "not an image" or suffix.lower() not in SUFFIXES:
            raise
        return _from_dicom(data, side, force=True)
    return _from_picture(data, grey, side)


def _from_picture(data: bytes, grey: NDArray[np.uint8], side: int) -> Deep:
    try:
        with Image.open(io.BytesIO(data), formats=pictures.FORMATS) as picture:
            turn = orientation(picture)
            full = Size(*picture.size) if turn < 5 else Size(*picture.size[::-1])
            if not picture.mode.startswith(("I", "F")):
                return _of_greys(grey, full)
            values = np.asarray(upright(Image.fromarray(np.asarray(picture, np.float32)), turn))
    except pictures.BROKEN as error:
        raise ImageError(" ".join(str(error).split()) or "broken picture", "image broken") from error
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise ImageError("expected finite pixel values, found NaN or infinity", "image broken")
    num_levels = _num_levels(values, low, high)
    fractions = ((values - low) * ((num_levels - 1) / max(high - low, 1e-12))).astype(np.float32)
    small = _small(fractions, side)
    window = _stretched(fractions, low, high, num_levels)
    return Deep(_levels(small, num_levels), num_levels, low, high, window, False, False, "stored value", full)


def _of_greys(grey: NDArray[np.uint8], full: Size) -> Deep:
    return Deep(grey.astype(np.uint16), _GREYS, 0, 255, Span(0, 255), False, False, "grey", full)


def _num_levels(values: NDArray[np.float32], low: float, high: float) -> int:
    """Return one level for each whole number, or as many as there can be."""
    whole = bool((values == np.rint(values)).all()) and high - low < MAX_LEVELS
    return max(int(high - low) + 1, 2) if whole else MAX_LEVELS


def _from_dicom(data: bytes, side: int, force: bool) -> Deep:
    dataset = open_dataset(data, force)
    with guarded("a DICOM radiograph"):
        dicom.refuse_other_content(dataset)
        stored, photometric = dicom.decoded(dataset)
        if stored.ndim == 3:
            grey = np.asarray(resized(dicom.luma(stored), Goal(side, "whole")))
            return _of_greys(grey, Size(stored.shape[1], stored.shape[0]))
        return _of_stored(stored, dicom.display_of(dataset, photometric), side)


def _of_stored(stored: NDArray[Any], display: Display, side: int) -> Deep:
    """Put stored values [H, W] on levels of what the modality, and a VOI LUT if there is one, makes of them."""
    low, high = int(stored.min()), int(stored.max())
    if high - low >= MAX_LEVELS:
        raise ImageError(f"expected values of at most 16 bits, found {low} to {high}", "unsupported DICOM")
    places = (stored.astype(np.int64) - low).astype(np.uint16)
    table = _table(places, np.arange(low, high + 1), display)
    lo, hi = float(table.values.min()), float(table.values.max())
    straight = isinstance(display.modality, Rescale) and not isinstance(display.voi, Lookup)
    num_levels = max(len(table.values) if straight else min(int(hi - lo) + 1, MAX_LEVELS), 2)
    by_place = np.rint((table.values - lo) * ((num_levels - 1) / max(hi - lo, 1e-12))).astype(np.float32)
    shown = by_place[table.seen & ~table.outside]
    if shown.size:
        # what lies outside of the picture is shown black
        by_place[table.outside] = shown.max() if display.inverted else shown.min()
    full = by_place[places]
    window = _own_window(table, display) or _stretched(full, lo, hi, num_levels)
    sigmoid = isinstance(display.voi, Window) and display.voi.function == "SIGMOID"
    unit = "after VOI LUT" if isinstance(display.voi, Lookup) else "value"
    size = Size(stored.shape[1], stored.shape[0])
    levels = _levels(_small(full, side), num_levels)
    return Deep(levels, num_levels, lo, hi, window, display.inverted, sigmoid, unit, size)


def _table(places: NDArray[np.uint16], inputs: NDArray[np.integer], display: Display) -> _Table:
    values = display.modality(inputs.astype(np.float64))
    if isinstance(display.voi, Lookup):
        values = display.voi(values)
    seen = np.bincount(places.ravel(), minlength=len(inputs)) > 0
    first, last = display.padding or (1, 0)
    return _Table(values, seen, (inputs >= first) & (inputs <= last))


def _own_window(table: _Table, display: Display) -> Span | None:
    """Return the window that the file asks for, or None where it names none or one that shows a single grey."""
    span: Span | None = None
    if isinstance(display.voi, Lookup):
        span = Span(0, max(float(display.voi.values.max()), 1))
    elif isinstance(display.voi, Window):
        span = _span(display.voi)
    shown = table.values[table.seen & ~table.outside]
    if span is not None and shown.size and np.ptp(np.clip(shown, *span)) > 0:
        return span
    if display.bits <= 8 and isinstance(display.modality, Rescale) and display.modality.slope > 0:
        lowest = -(1 << display.bits - 1) if display.signed else 0
        ends = display.modality(np.array([lowest, lowest + (1 << display.bits) - 1], np.float64))
        return Span(float(ends[0]), float(ends[1]))
    return None


def _span(window: Window) -> Span:
    """Return where a window begins and ends (PS3.3 C.11.2.1.2)."""
    center, width = window.center, window.width
    if window.function not in ("LINEAR_EXACT", "SIGMOID"):
        center, width = center - 0.5, max(width - 1, 1e-6)
    return Span(center - width / 2, center + width / 2)


def _stretched(fractions: NDArray[np.float32], lo: float, hi: float, num_levels: int) -> Span:
    """Return the extremes of levels [H, W] as values."""
    overview = np.asarray(_small(fractions, _OVERVIEW))
    step = (hi - lo) / (num_levels - 1)
    low, high = (lo + step * float(np.clip(end, 0, num_levels - 1)) for end in (overview.min(), overview.max()))
    return Span(low, high if high > low else low + 1)


def _small(values: NDArray[np.float32], side: int) -> Image.Image:
    return resized(Image.fromarray(np.ascontiguousarray(values, np.float32)), Goal(side, "whole"))


def _levels(small: Image.Image, num_levels: int) -> NDArray[np.uint16]:
    # the resize overshoots at edges
    return np.rint(np.clip(np.asarray(small), 0, num_levels - 1)).astype(np.uint16)
