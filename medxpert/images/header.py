"""What may be known from a DICOM header: a short list of fields, and nothing that was typed by hand.

Names, birth dates, addresses and descriptions are never read into a result; descriptions are only searched for the
words of a projection. When the image was taken is read to tell the earlier of two, and is written nowhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medxpert.images.dataset import SUFFIXES, guarded, is_dicom, open_dataset
from medxpert.images.errors import ImageError, named
from medxpert.images.source import described, head

if TYPE_CHECKING:
    from pydicom import FileDataset

_TAGS = (
    "StudyInstanceUID",
    "SOPInstanceUID",
    "PatientID",
    "AccessionNumber",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "StudyDate",
    "StudyTime",
    "ViewPosition",
    "ViewCodeSequence",
    "SeriesDescription",
    "ProtocolName",
    "PatientOrientation",
    "Modality",
    "BodyPartExamined",
    "Rows",
    "Columns",
    "PhotometricInterpretation",
    "BurnedInAnnotation",
)
_TERMS: dict[str, Any] = json.loads((Path(__file__).parent / "terms.json").read_text("utf-8"))
_VIEWS: dict[str, str] = {word: view for view, words in _TERMS["views"].items() for word in words}
"""Words of a projection; those of oblique and decubitus films stand for ""."""
_DATE = re.compile(r"((?:19|20)\d\d)\.?(0[1-9]|1[0-2])\.?(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d))?)?")


class DicomHeader(NamedTuple):
    """All that leaves a DICOM header.

    Attributes:
        study_id: StudyInstanceUID; "" where it is no UID.
        patient_id: PatientID as it stands in the file.
        view: "PA", "AP", "LATERAL" or "" when unknown.
        modality: a DICOM term such as "DX"; "" when it is none of the usual ones.
        body_part: a DICOM term such as "CHEST"; "" when it is none of the usual ones.
        rows: height in pixels; 0 without pixels.
        columns: width in pixels; 0 without pixels.
        photometric: a DICOM term such as "MONOCHROME2"; "" when it is none of the usual ones.
        burned_in: BurnedInAnnotation, "YES", "NO" or "".
        instance_uid: SOPInstanceUID; "" where it is no UID.
        accession: AccessionNumber as it stands in the file, by which a hospital's own tables name examinations.
        taken: when the image was acquired, else when the study began: digits "YYYYMMDDHHMMSS", cut where the file says
            no more; "" when unknown.
    """

    study_id: str = ""
    patient_id: str = ""
    view: str = ""
    modality: str = ""
    body_part: str = ""
    rows: int = 0
    columns: int = 0
    photometric: str = ""
    burned_in: str = ""
    instance_uid: str = ""
    accession: str = ""
    taken: str = ""


def read_header(source: Path | bytes) -> DicomHeader:
    """Read the header of a DICOM file and none of its pixels.

    Raises:
        ImageError: the file is missing or broken, or is no DICOM.
    """
    with named(described(source)):
        plain = is_dicom(head(source))
        if not plain and not (isinstance(source, Path) and source.suffix.lower() in SUFFIXES):
            raise ImageError("expected a DICOM file, found something else", "not a DICOM")
        dataset = open_dataset(source, force=not plain, tags=_TAGS)
        with guarded("a DICOM header"):
            return _header(dataset)


def pseudonym(value: str) -> str:
    """Return what may stand for an id: 16 letters of its SHA-256. Who can list the ids can compute the same."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _header(dataset: FileDataset) -> DicomHeader:
    return DicomHeader(
        study_id=_uid(dataset, "StudyInstanceUID"),
        patient_id=_text(dataset, "PatientID"),
        view=_view(dataset),
        modality=_term(dataset, "Modality", "modalities"),
        body_part=_term(dataset, "BodyPartExamined", "body_parts"),
        rows=int(dataset.get("Rows") or 0),
        columns=int(dataset.get("Columns") or 0),
        photometric=_term(dataset, "PhotometricInterpretation", "photometrics"),
        burned_in=_term(dataset, "BurnedInAnnotation", "burned_in"),
        instance_uid=_uid(dataset, "SOPInstanceUID"),
        accession=_text(dataset, "AccessionNumber"),
        taken=_taken(dataset),
    )


def _text(dataset: FileDataset, name: str) -> str:
    value = dataset.get(name)
    return "" if value is None else str(value).strip(" \0")


def _taken(dataset: FileDataset) -> str:
    """Return the first moment that the file tells; a time of day without a date tells nothing."""
    whole = _text(dataset, "AcquisitionDateTime")
    told = [(whole[:8], whole[8:])]
    told += [(_text(dataset, f"{what}Date"), _text(dataset, f"{what}Time")) for what in ("Acquisition", "Study")]
    return next((moment for date, time in told if (moment := _moment(date, time))), "")


def _moment(date: str, time: str) -> str:
    day, hour = _DATE.fullmatch(date), _TIME.match(time)
    if day is None:
        return ""
    return "".join([*day.groups(), *(part or "" for part in (hour.groups() if hour else ()))])


def _term(dataset: FileDataset, name: str, kind: str) -> str:
    value = _text(dataset, name).upper()
    return value if value in _TERMS[kind] else ""


def _uid(dataset: FileDataset, name: str) -> str:
    value = _text(dataset, name)
    return value if re.fullmatch(r"[0-9.]{1,64}", value) else ""


def _view(dataset: FileDataset) -> str:
    codes = dataset.get("ViewCodeSequence") or ()
    meanings = [str(code.get("CodeMeaning") or "") for code in codes]
    descriptions = [_text(dataset, "SeriesDescription"), _text(dataset, "ProtocolName")]
    for text in (_text(dataset, "ViewPosition"), *meanings, *descriptions):
        views = {_VIEWS[word] for word in re.findall(r"[A-Z]+", _joined(text)) if word in _VIEWS}
        if views:
            return views.pop() if len(views) == 1 else ""
    return _view_by_orientation(dataset)


def _joined(text: str) -> str:
    """Write "P.A." and "postero-anterior" as one word each."""
    text = re.sub(r"\b([AP])\.\s?([AP])\b", r"\1\2", text.upper())
    return re.sub(r"O[- ](ANTERIOR|POSTERIOR)", r"O\1", text)


def _view_by_orientation(dataset: FileDataset) -> str:
    """Rows that run to the front or the back make a lateral view; PA and AP cannot be told apart."""
    rows = str((list(dataset.get("PatientOrientation") or ()) or [""])[0]).upper()
    return "LATERAL" if rows[:1] in ("A", "P") else ""
