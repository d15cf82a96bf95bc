import base64
import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

FRAMES = json.loads((Path(__file__).parent / "frames.json").read_text("utf-8"))


def _jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _dataset(syntax, pixels, bits, elements):
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.file_meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality = "DX"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * pixels.itemsize
    dataset.BitsStored = bits or 8 * pixels.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def _fill(dataset, syntax, pixels, frame):
    if frame is not None:
        dataset.PixelData = encapsulate([frame])
    elif syntax == uid.JPEGBaseline8Bit:
        dataset.PixelData = encapsulate([_jpeg(pixels)])
        if pixels.ndim == 3:
            dataset.PhotometricInterpretation = "YBR_FULL_422"
    elif syntax in (uid.RLELossless, uid.JPEG2000Lossless):
        plugin = "pydicom" if syntax == uid.RLELossless else "pylibjpeg"
        dataset.compress(syntax, pixels, encoding_plugin=plugin, generate_instance_uid=False)
    else:
        big = syntax == uid.ExplicitVRBigEndian
        dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()


@pytest.fixture
def dicom_file():
    """Return a function that encodes pixels and header elements as the bytes of a DICOM file."""

    def build(pixels, syntax=uid.ExplicitVRLittleEndian, bits=None, frame=None, preamble=True, **elements):
        dataset = _dataset(syntax, pixels, bits, elements)
        _fill(dataset, syntax, pixels, frame)
        if "PixelData" in elements:
            del dataset.PixelData
        buffer = io.BytesIO()
        if preamble:
            pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
        else:
            del dataset.file_meta
            pydicom.dcmwrite(buffer, dataset, implicit_vr=True, little_endian=True)
        return buffer.getvalue()

    return build


@pytest.fixture
def frames():
    """Return compressed frames of the 12-bit ramp [20, 24] by the keyword of their transfer syntax."""
    return {name: base64.b64decode(text) for name, text in FRAMES.items()}


@pytest.fixture
def ramp():
    """Return 12-bit values [20, 24] that grow to the right and downwards, 600 to 3650."""
    rows, columns = np.mgrid[:20, :24]
    return (600 + 100 * rows + 50 * columns).astype(np.uint16)
