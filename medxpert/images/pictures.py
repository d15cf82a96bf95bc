"""Ordinary picture files through PIL."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from medxpert.images.errors import ImageError, refuse_beyond_limit
from medxpert.images.orientation import orientation, upright
from medxpert.images.resize import Goal, Size, finished, resized

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")

_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
BROKEN: tuple[type[Exception], ...] = (OSError, SyntaxError, ValueError, TypeError, EOFError, KeyError, IndexError)
BROKEN += (AttributeError, RuntimeError, OverflowError, MemoryError, struct.error, zlib.error)
"""What PIL's decoders raise on broken files."""

# `MAX_MEGAPIXELS` takes the place of PIL's own limit.
Image.MAX_IMAGE_PIXELS = None


def shrink(data: bytes | memoryview, goal: Goal) -> NDArray[np.uint8]:
    """Decode a picture to grey [H, W] of the goal's size, before padding.

    Colour becomes luma, transparency shows black, EXIF orientation is applied. Pictures deeper than 8 bits are
    stretched from their own darkest to their own brightest value, because 12-bit radiographs in 16-bit files
    would be black on the full scale; both are taken after the resize, where a hot pixel hardly counts.

    Raises:
        ImageError: this is no picture, or a broken, truncated or too large one.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            refuse_beyond_limit(*picture.size)
            # JPEG only: let the decoder skip the frequencies that the resize would remove.
            picture.draft("L", _twice(goal.size(picture.size)))
            picture.load()
            return finished(upright(resized(_grey(picture), goal), orientation(picture)))
    except UnidentifiedImageError as error:
        message = f"expected a {', '.join(FORMATS)} or DICOM picture, found something else"
        raise ImageError(message, "not an image") from error
    except BROKEN as error:
        raise ImageError(" ".join(str(error).split()) or "broken picture", "image broken") from error


def _twice(size: Size) -> Size:
    return Size(2 * size.width, 2 * size.height)


def _grey(picture: Image.Image) -> Image.Image:
    """Return mode "L", or "F" for what is deeper than 8 bits."""
    if picture.mode in _DEEP_MODES:
        return Image.fromarray(np.asarray(picture, np.float32))
    if picture.has_transparency_data:
        black = Image.new("RGBA", picture.size, "black")
        picture = Image.alpha_composite(black, picture.convert("RGBA"))
    return picture.convert("L")
