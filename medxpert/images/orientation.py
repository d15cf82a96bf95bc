"""EXIF orientation, applied to the small picture."""

from __future__ import annotations

import struct

from PIL import Image

_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation of an opened picture, 1 to 8; 1 where there is none or its segment is broken."""
    try:
        value = picture.getexif().get(_TAG, 1)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def upright(picture: Image.Image, turn: int) -> Image.Image:
    """Return the picture as EXIF orientation `turn` says it is to be seen."""
    return picture.transpose(_TURNS[turn]) if turn in _TURNS else picture
