"""Pictures of the PDF: the image that was asked about and thumbnails of cited cases."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image

from medxpert.exchange import Exported


def query(pixels: NDArray[np.uint8], side_mm: float) -> Image:
    """Set grey pixels [H, W], the longer side as long as `side_mm`."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return _set(buffer.getvalue(), (pixels.shape[1], pixels.shape[0]), side_mm)


def thumbnail(jpeg: bytes, side_mm: float) -> Flowable | None:
    """Set a thumbnail; None where the bytes are no picture."""
    try:
        with PIL.Image.open(io.BytesIO(jpeg)) as picture:
            picture.load()
            return _set(jpeg, picture.size, side_mm)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return None


def thumbnails(exported: Exported, studies: Mapping[str, int], side_mm: float) -> dict[str, Flowable]:
    """Set the thumbnails of those studies that have one."""
    made = {name: thumbnail(exported.cited[name][0], side_mm) for name in studies if name in exported.cited}
    return {name: one for name, one in made.items() if one is not None}


def _set(encoded: bytes, size: tuple[int, int], side_mm: float) -> Image:
    scale = side_mm * mm / max(*size, 1)
    return Image(io.BytesIO(encoded), size[0] * scale, size[1] * scale)
