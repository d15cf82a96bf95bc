"""DICOM files for data sets that tests build."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

State = Literal["whole", "missing", "broken", "pixelless"]
REASONS = {"missing": "image missing", "broken": "image broken", "pixelless": "DICOM without pixels"}
"""What decoding says of radiographs that are not whole."""
_COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"


def write(path: Path, grey: NDArray[np.uint8], state: State = "whole", **header: object) -> None:
    """Write a DICOM, one with half of its pixels or none of them, or no file.

    Args:
        path: where to.
        grey: pixels [H, W].
        state: of the file.
        header: elements by their keywords; None leaves one out.
    """
    if state == "missing":
        return
    dataset = _dataset(path.as_posix())
    for name, value in header.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    if state != "pixelless":
        _add(dataset, grey, grey.size if state == "whole" else grey.size // 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def _dataset(seed: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = _COMPUTED_RADIOGRAPHY
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[seed])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[seed, "study"])
    dataset.Modality = "DX"
    dataset.PatientName = "Do^Not^Read"
    dataset.PatientID = "0"
    dataset.ViewPosition = "PA"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _add(dataset: Dataset, grey: NDArray[np.uint8], kept: int) -> None:
    dataset.Rows, dataset.Columns = grey.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = (grey.astype(np.uint16) * 16).tobytes()[: 2 * kept]
