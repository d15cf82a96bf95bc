"""What an uploaded file is, by its content: sizes are known before anything is decoded, and names tell nothing."""

from __future__ import annotations

import io
import re
import unicodedata
from typing import NamedTuple

from PIL import Image

from medxpert.errors import DataError
from medxpert.images.dataset import SUFFIXES, guarded, is_dicom, open_dataset
from medxpert.images.errors import ImageError
from medxpert.images.pictures import BROKEN

IMAGES, SOUNDS = "PNG, JPEG, TIFF or DICOM", "WAV, FLAC or OGG"
MOST_LETTERS = 80
"""Of a name that is shown."""
_NAMELESS = "upload"
_LONGEST_SUFFIX = 8
_JPEG = b"\xff\xd8\xff"
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG", ".png"),
    (_JPEG, "JPEG", ".jpg"),
    (b"II*\0", "TIFF", ".tif"),
    (b"MM\0*", "TIFF", ".tif"),
)
_SOUNDS = (
    (re.compile(rb"RIFF....WAVE", re.DOTALL), ".wav"),
    (re.compile(rb"fLaC"), ".flac"),
    (re.compile(rb"OggS"), ".ogg"),
)
_OTHERS = (
    (re.compile(rb"PK\x03\x04"), "a ZIP archive; unpack it"),
    (re.compile(rb"%PDF"), "a PDF; save its picture as PNG"),
    (re.compile(rb"\s*<(!doctype|html|\?xml|svg|script)", re.IGNORECASE), "markup; save it as PNG"),
    (re.compile(rb"GIF8"), "a GIF; save it as PNG"),
    (re.compile(rb"BM|RIFF....WEBP", re.DOTALL), "a BMP or WebP; save it as PNG"),
    (re.compile(rb"RIFF....WAVE|fLaC|OggS|ID3", re.DOTALL), "a recording; speak or upload it where a query is spoken"),
)
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_TAGS = ("SOPClassUID", "Modality", "NumberOfFrames", "Rows", "Columns")


class _Frames(NamedTuple):
    width: int
    height: int
    number: int = 1


def one_line(text: str) -> str:
    """Return a text as one line: no control or invisible letters, no change of direction, single spaces."""
    spaced = (" " if letter.isspace() else letter for letter in unicodedata.normalize("NFC", text))
    return " ".join("".join(letter for letter in spaced if unicodedata.category(letter)[0] != "C").split())


def shown_name(name: str) -> str:
    """Return what a user called a file as one short line without its folders."""
    plain = one_line(re.split(r"[/\\]", name)[-1])
    if not plain.strip("."):
        return _NAMELESS
    if len(plain) <= MOST_LETTERS:
        return plain
    stem, dot, suffix = plain.rpartition(".")
    end = f"…{dot}{suffix}" if stem and len(suffix) <= _LONGEST_SUFFIX else "…"
    return plain[: MOST_LETTERS - len(end)] + end


def check_size(name: str, content: bytes, max_megabytes: int) -> None:
    """Check how long a file is.

    Raises:
        DataError: it is empty or too large.
    """
    if not content:
        raise DataError(f"{name}: expected a file with content, found 0 bytes; export it again")
    if len(content) > max_megabytes << 20:
        found = f"{len(content) / (1 << 20):,.0f} MB"
        raise DataError(f"{name}: expected at most {max_megabytes} MB, found {found}; send a smaller file")


def image_suffix(name: str, content: bytes, max_megapixels: int) -> str:
    """Return the suffix that an image's content calls for: .png, .jpg, .tif or .dcm.

    The header is parsed and the number of pixels is checked; no pixel is decoded.

    Args:
        name: for messages; its suffix counts only where a DICOM lacks its preamble.
        content: of the file.
        max_megapixels: width times height times frames, in millions.

    Raises:
        DataError: it is none of these, has no pixels or too many, or its header is broken.
    """
    # the order in which `images.files` decides
    if content.startswith(_JPEG):
        return _picture(name, content, max_megapixels)
    bare = not is_dicom(content)
    if bare and _format(content):
        return _picture(name, content, max_megapixels)
    if bare and (_other(content) or not name.lower().endswith(SUFFIXES)):
        raise _refused(name, IMAGES, content)
    _check_pixels(name, _dicom_frames(name, content, bare), max_megapixels)
    return ".dcm"


def sound_suffix(name: str, content: bytes) -> str:
    """Return the suffix that a recording's content calls for: .wav, .flac or .ogg.

    Raises:
        DataError: it is none of these.
    """
    for magic, suffix in _SOUNDS:
        if magic.match(content):
            return suffix
    raise _refused(name, SOUNDS, content)


def _format(content: bytes) -> tuple[str, str] | None:
    return next(((kind, suffix) for magic, kind, suffix in _PICTURES if content.startswith(magic)), None)


def _other(content: bytes) -> str:
    return next((told for magic, told in _OTHERS if magic.match(content[:512])), "")


def _refused(name: str, expected: str, content: bytes) -> DataError:
    found = _other(content) or f"something else; convert it to {expected.split(',')[0]}"
    if expected == SOUNDS and found.startswith("a recording"):
        found = "another kind of recording; convert it to WAV"
    return DataError(f"{name}: expected {expected}, found {found}")


def _picture(name: str, content: bytes, max_megapixels: int) -> str:
    kind, suffix = _format(content) or ("", "")
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            frames = _Frames(*picture.size)
    except BROKEN as error:
        raise DataError(f"{name}: expected a {kind}, found a broken one; export it again") from error
    _check_pixels(name, frames, max_megapixels)
    return suffix


def _dicom_frames(name: str, content: bytes, bare: bool) -> _Frames:
    # a deflated data set is inflated as a whole, whatever it comes to, before its header can be read
    if _DEFLATED in content:
        raise DataError(f"{name}: expected a DICOM that is not deflated, found a deflated one; export it uncompressed")
    try:
        with guarded("a DICOM"):
            dataset = open_dataset(content, bare, _TAGS)
            known = any(tag in dataset for tag in _TAGS)
            sides = int(dataset.get("Columns") or 0), int(dataset.get("Rows") or 0)
            frames = _Frames(*sides, int(dataset.get("NumberOfFrames") or 1))
    except ImageError as error:
        raise DataError(f"{name}: {error}; export it again") from error
    if bare and not known:
        raise _refused(name, IMAGES, content)
    if frames.width <= 0 or frames.height <= 0:
        raise DataError(f"{name}: expected a DICOM with pixels, found none; choose the image of the examination")
    if frames.number != 1:
        raise DataError(f"{name}: expected one frame, found {frames.number}; split the file first")
    return frames


def _check_pixels(name: str, frames: _Frames, max_megapixels: int) -> None:
    if frames.width * frames.height * frames.number > max_megapixels * 1_000_000:
        raise DataError(
            f"{name}: expected at most {max_megapixels} megapixels, found {frames.width:,} x {frames.height:,}; "
            "send a smaller picture"
        )
