"""Broken bytes end as `ImageError` and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image
from pydicom import uid

from medxpert.images.errors import ImageError
from medxpert.images.files import ImageFile, load
from medxpert.images.header import read_header

NUM_TRIALS = 300


def encoded(kind, **options):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (9, 7), np.uint8)).resize((48, 40))
    buffer = io.BytesIO()
    picture.convert(options.pop("mode", "L")).save(buffer, kind, **options)
    return buffer.getvalue()


def broken(data, trial):
    """Cut every third copy, flip one to eight bytes in the others."""
    rng = np.random.default_rng(trial)
    spoiled = bytearray(data)
    if trial % 3 == 0:
        return bytes(spoiled[: rng.integers(len(data))])
    for place in rng.integers(len(data), size=rng.integers(1, 9)):
        spoiled[place] = rng.integers(256)
    return bytes(spoiled)


def message_of(read):
    """Return the message of the `ImageError` that reading ends in, or None where it ends well."""
    try:
        read()
    except ImageError as error:
        return str(error)
    return None


def num_refused(path, data):
    path.write_bytes(data)
    reads = (lambda: load(ImageFile(path), 32), lambda: load(ImageFile(path), 24, "crop"), lambda: read_header(path))
    messages = [message for message in map(message_of, reads) if message is not None]
    assert all(message.startswith(f"{path}: ") and len(message.splitlines()) == 1 for message in messages)
    return len(messages)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"mode": "RGB", "progressive": True}),
        ("JPEG", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
        ("PNG", {}),
        ("PNG", {"mode": "I;16"}),
        ("PNG", {"mode": "RGBA"}),
        ("PNG", {"mode": "P"}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"mode": "RGB"}),
        ("BMP", {}),
    ],
)
def test_pictures(tmp_path, kind, options):
    data = encoded(kind, **options)
    path = tmp_path / "film.png"
    assert num_refused(path, data) == 1  # by the header, which is no DICOM's
    assert sum(num_refused(path, broken(data, trial)) for trial in range(NUM_TRIALS)) > NUM_TRIALS * 5 / 3


SYNTAXES = ["ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian", "JPEGBaseline8Bit", "RLELossless"]
FRAMED = ["JPEGLosslessSV1", "JPEGLSLossless", "HTJ2KLossless", "JPEGExtended12Bit", "JPEG2000Lossless"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SYNTAXES + FRAMED)
def test_dicoms(dicom_file, ramp, frames, tmp_path, name):
    pixels = (ramp // 40).astype(np.uint8) if name == "JPEGBaseline8Bit" else ramp
    if name == "JPEG2000Lossless":
        pixels = np.tile(pixels, (2, 2))
    elements = {"WindowCenter": [900, 1], "WindowWidth": [700, 1], "SeriesDescription": "PA"}
    bits = 8 if pixels.itemsize == 1 else 12
    data = dicom_file(pixels, getattr(uid, name), bits, frames.get(name), **elements)
    path = tmp_path / "film.dcm"
    assert num_refused(path, data) == 0
    assert sum(num_refused(path, broken(data, trial)) for trial in range(NUM_TRIALS)) > NUM_TRIALS / 3
