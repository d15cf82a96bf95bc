"""DICOM radiographs as an archive holds them, and a report on one, to export."""

import io

import numpy as np
from documents.samples import REPORT
from PIL import Image
from pydicom.uid import generate_uid
from trees import dicoms

from medxpert.exchange import Exported, Reply

REPLY = Reply(
    "Is there an effusion?", "Yes, a left one.", 0.83, ("zero-shot", "s1"), True, "template", "yes", "presence"
)


def write(folder, name="film.dcm", **header):
    """Write a radiograph with all identifiers but those that are given as None."""
    whole = {
        "SeriesInstanceUID": generate_uid(),
        "PatientID": "id-7",
        "PatientName": "Do^Jane",
        "PatientBirthDate": "19600102",
        "PatientSex": "F",
        "StudyDate": "20240506",
        "AccessionNumber": "A-1",
    }
    for key in [key for key, value in header.items() if value is None and whole.pop(key, None)]:
        del header[key]
    path = folder / name
    dicoms.write(path, np.arange(256, dtype=np.uint8).reshape(16, 16), **(whole | header))
    return path


def example(folder):
    """Return a report on a DICOM radiograph with changes, a caption, thumbnails of two cases, and a reply."""
    cited = {name: (jpeg(level), f"Text of {name}.", 0.8) for name, level in (("s1", 60), ("s2", 90))}
    return Exported(REPORT, np.full((32, 32), 128, np.uint8), write(folder), cited, "credentialed", REPLY)


def jpeg(level):
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 30), level, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()
