"""The pixels of radiographs in DICOM files.

Each compressed syntax is decoded by one plugin, so that pixels do not depend on what else is installed. GDCM is not
among them: on broken data it ends the process. Overlays, shutters and presentation states are not applied.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.images import jpeg
from medxpert.images.dataset import guarded, open_dataset
from medxpert.images.display import Display, Lookup, Rescale, Window, shown
from medxpert.images.errors import ImageError, refuse_beyond_limit
from medxpert.images.resize import Goal, Size, finished, resized

if TYPE_CHECKING:
    from pydicom import FileDataset
    from pydicom.pixels.decoders.base import Decoder

_PLUGINS = {
    "JPEGBaseline8Bit": "pillow",
    "JPEGExtended12Bit": "pylibjpeg",
    "JPEGLossless": "pylibjpeg",
    "JPEGLosslessSV1": "pylibjpeg",
    "JPEGLSLossless": "pylibjpeg",
    "JPEGLSNearLossless": "pylibjpeg",
    "JPEG2000Lossless": "pylibjpeg",
    "JPEG2000": "pylibjpeg",
    "HTJ2KLossless": "pylibjpeg",
    "HTJ2KLosslessRPCL": "pylibjpeg",
    "HTJ2K": "pylibjpeg",
    "RLELossless": "pydicom",
}
_PHOTOMETRICS = ("MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_INSTALL = "pip install 'medxpert[dicom]'"
_J2K = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"


def shrink(data: bytes, goal: Goal, force: bool = False) -> NDArray[np.uint8]:
    """Decode a DICOM radiograph to grey [H, W] of the goal's size, before padding.

    Modality LUT, then VOI LUT or the first window, then inversion for MONOCHROME1 or an INVERSE presentation LUT
    (the standard has both stand for the same inversion). Pixel padding is black. Colour becomes luma.

    Raises:
        ImageError: no DICOM, a broken or too large one, one without pixels or with several frames, or one that no
            installed decoder reads.
    """
    dataset = open_dataset(data, force)
    with guarded("a DICOM radiograph"):
        refuse_other_content(dataset)
        stored, photometric = decoded(dataset)
        display = display_of(dataset, photometric) if stored.ndim == 2 else None
    picture = luma(stored) if display is None else shown(stored, display)
    return finished(resized(picture, goal))


def refuse_other_content(dataset: FileDataset) -> None:
    """Refuse what is no single picture.

    Raises:
        ImageError: it holds no pixels, several frames, or more pixels than can be meant.
    """
    if "PixelData" not in dataset:
        _refuse_without_pixels(dataset)
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageError(f"expected one frame, found {frames}; split the file first", "multi-frame DICOM")
    width, height = int(dataset.get("Columns") or 0), int(dataset.get("Rows") or 0)
    if width == 0 or height == 0:
        raise ImageError(f"expected rows and columns, found {width} x {height} pixels", "image broken")
    refuse_beyond_limit(width, height)
    if str(dataset.get("PhotometricInterpretation")) not in _PHOTOMETRICS:
        raise ImageError(f"expected one of {', '.join(_PHOTOMETRICS)}, found something else", "unsupported DICOM")


def _refuse_without_pixels(dataset: FileDataset) -> None:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ImageError("expected integer pixels, found floating-point ones", "unsupported DICOM")
    if not any(name in dataset for name in ("SOPClassUID", "Modality", "StudyInstanceUID", "Rows")):
        raise ImageError("expected a DICOM data set, found none that can be read; is the file cut?", "image broken")
    kind = dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID")
    name = kind.name if kind is not None and kind.is_valid and kind.name != kind else "unknown content"
    raise ImageError(f"expected a DICOM with pixels, found none ({name})", "DICOM without pixels")


def _check_frame(dataset: FileDataset) -> None:
    """Compare the compressed frame's own size with the header's, because the decoders allocate what it says."""
    from pydicom.encaps import generate_frames

    size = Size(int(dataset.Columns), int(dataset.Rows))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    found = _frame_size(frame)
    if found is not None and found != size:
        message = f"expected a frame of {size.width} x {size.height} pixels, found {found.width} x {found.height}"
        raise ImageError(message, "image broken")
    # libjpeg decodes what there is of a truncated frame without a word
    if frame.startswith(jpeg.MAGIC) and not frame.rstrip(b"\0\xff").endswith(_END):
        raise ImageError("expected a whole JPEG frame, found a truncated one", "image broken")


def _frame_size(frame: bytes) -> Size | None:
    at = frame.find(_J2K, 0, 1024)
    if at >= 0:
        right, bottom, left, top = struct.unpack_from(">4I", frame, at + 8)
        return Size(right - left, bottom - top)
    header = jpeg.read_header(frame) if frame.startswith(jpeg.MAGIC) else None
    return header.size if header else None


def decoded(dataset: FileDataset) -> tuple[NDArray[Any], str]:
    """Return stored values [H, W], or colour [H, W, 3], and the photometric interpretation that they now have."""
    from pydicom.pixels import apply_color_lut

    decoder, plugin = _decoder(dataset)
    if plugin:
        _check_frame(dataset)
    pixels, described = decoder.as_array(dataset, index=0, decoding_plugin=plugin)
    photometric = str(described["photometric_interpretation"])
    if photometric == "PALETTE COLOR":
        return apply_color_lut(pixels, dataset), photometric
    if pixels.ndim == 3:
        return pixels << max(8 * pixels.itemsize - int(dataset.BitsStored), 0), photometric
    return pixels, photometric


def _decoder(dataset: FileDataset) -> tuple[Decoder, str]:
    """Return what decodes the transfer syntax, and by which plugin; "" where nothing is compressed."""
    from pydicom import uid
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    plugin = next((plugin for name, plugin in _PLUGINS.items() if getattr(uid, name) == syntax), "")
    found = syntax.name if syntax.is_valid else "an invalid one"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        message = f"expected the transfer syntax of a still picture, found {found}"
        raise ImageError(message, "unsupported DICOM") from None
    if plugin and plugin not in decoder.available_plugins:
        raise ImageError(f"no decoder for {found}; run: {_INSTALL}", "DICOM decoder missing")
    return decoder, plugin


def luma(pixels: NDArray[Any]) -> Image.Image:
    """Return the luma of red, green and blue [H, W, 3], which use the whole range of their dtype."""
    return Image.fromarray((pixels >> 8 * (pixels.itemsize - 1)).astype(np.uint8)[:, :, :3]).convert("L")


def display_of(dataset: FileDataset, photometric: str) -> Display:
    """Return how the header wants stored values shown."""
    return Display(
        modality=_lookup(dataset, "ModalityLUTSequence") or _rescale(dataset),
        voi=_lookup(dataset, "VOILUTSequence") or _window(dataset),
        inverted=photometric == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE",
        bits=int(dataset.BitsStored),
        signed=int(dataset.get("PixelRepresentation") or 0) == 1,
        padding=_padding(dataset),
    )


def _number(dataset: FileDataset, name: str) -> float | None:
    """Return the first value of an element; None where it is absent, empty or not finite."""
    value = dataset.get(name)
    if value is not None and not isinstance(value, str) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None
    number = float(value) if value not in (None, "") else math.nan
    return number if math.isfinite(number) else None


def _rescale(dataset: FileDataset) -> Rescale:
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    return Rescale(slope or 1.0, intercept or 0.0)


def _window(dataset: FileDataset) -> Window | None:
    center, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    if center is None or width is None or width <= 0:
        return None
    return Window(center, width, str(dataset.get("VOILUTFunction") or "LINEAR").upper())


def _lookup(dataset: FileDataset, sequence: str) -> Lookup | None:
    items = dataset.get(sequence)
    if not items or "LUTData" not in items[0] or "LUTDescriptor" not in items[0]:
        return None
    length, first = (int(value) for value in items[0].LUTDescriptor[:2])
    data = items[0].LUTData
    if isinstance(data, bytes):
        words = "<u2" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">u2"
        data = np.frombuffer(data, np.uint8 if len(data) <= (length or 1 << 16) + 1 else words)
    values = np.asarray(data, np.float64)[: length or 1 << 16]
    return Lookup(first, values) if len(values) else None


def _padding(dataset: FileDataset) -> tuple[int, int] | None:
    value, limit = _number(dataset, "PixelPaddingValue"), _number(dataset, "PixelPaddingRangeLimit")
    if value is None:
        return None
    ends = sorted((int(value), int(value if limit is None else limit)))
    return ends[0], ends[1]
