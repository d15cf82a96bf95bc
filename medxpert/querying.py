"""What is asked about: an image or a text, as the model sees it, with what tells whose it is and where it may go."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.images.dataset import SUFFIXES, is_dicom
from medxpert.images.files import ImageFile, load
from medxpert.images.header import DicomHeader, pseudonym, read_header
from medxpert.images.source import head
from medxpert.indexes.own import Traces
from medxpert.labeler import label_report
from medxpert.ontology import NEGATIVE, POSITIVE
from medxpert.reporting import Verdict

TEXT_TECHNIQUE = "No image was looked at: the query is a text, and what follows describes the similar cases."
NO_HEADER = DicomHeader()
_PROJECTIONS = {"PA": "Frontal (PA)", "AP": "Frontal (AP)", "LATERAL": "Lateral"}


@dataclass(frozen=True)
class Query:
    """One query.

    Attributes:
        name: the text, or the image's path as given.
        technique: one sentence that says what was looked at.
        traces: whose it is.
        content: what identifies it: the pixels' bytes, or the text's.
        header: what its DICOM header says.
        pixels: uint8 [S, S]; None for a text.
    """

    name: str
    technique: str
    traces: Traces
    content: bytes
    header: DicomHeader = NO_HEADER
    pixels: NDArray[np.uint8] | None = None

    def of_patient(self, patient_id: str) -> Query:
        """Return the query as that of a patient whom the user names, beside those whom the image names."""
        return replace(self, traces=self.traces._replace(patient_ids=(*self.traces.patient_ids, patient_id)))

    def beside(self, other: Query) -> Query:
        """Return the query as one of the patient whom another image shows, too."""
        return replace(self, traces=self.traces._replace(others=(*self.traces.others, other.traces)))

    @property
    def burned_in(self) -> str:
        """BurnedInAnnotation, "YES", "NO" or "" where nobody said."""
        return self.header.burned_in

    @property
    def text(self) -> str:
        """The text that was asked for; "" for an image."""
        return self.name if self.pixels is None else ""


def image_query(path: Path, side: int) -> Query:
    """Read an image at `side` pixels per side, and its header where it is a DICOM.

    Raises:
        ImageError: it cannot be read.
    """
    pixels = load(ImageFile(path), side)
    header = read_header(path) if path.suffix.lower() in SUFFIXES or is_dicom(head(path)) else NO_HEADER
    content = pixels.tobytes()
    traces = Traces(os.path.realpath(path), hashlib.sha256(content).hexdigest(), _names_of(header.patient_id))
    return Query(str(path), _technique(header), traces, content, header, pixels)


def text_query(text: str) -> Query:
    """Take a text as it is.

    Raises:
        ConfigError: it is empty.
    """
    if not text.strip():
        raise ConfigError("query= is empty; say what to look for, such as query='left pleural effusion'")
    return Query(text, TEXT_TECHNIQUE, Traces(), text.encode())


def as_sentence(text: str) -> str:
    """Write a query as a report would have it, since reports are what the model learned: with a full stop.

    Typed words without one lie elsewhere in the shared space than the sentences that say the same.
    """
    told = " ".join(text.split())
    return told if told.endswith((".", "!", "?")) else f"{told.rstrip(' ,;:')}."


def _names_of(patient_id: str) -> tuple[str, ...]:
    """Return a patient's id as headers have it, and as `data=dicom_folder` stores it by default."""
    return (patient_id, pseudonym(patient_id)) if patient_id else ()


def _technique(header: DicomHeader) -> str:
    projection = _PROJECTIONS.get(header.view)
    if projection is None:
        return "One radiograph, projection not stated."
    return f"{projection} radiograph, as its DICOM header says."


def disagreeing(query: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the observations of which a query says the contrary of what the cases come to."""
    asked = label_report(query)
    contrary: dict[int | None, tuple[str, ...]] = {POSITIVE: ("absent",), NEGATIVE: ("present", "uncertain")}
    return [one.observation for one in verdicts if one.status in contrary.get(asked[one.observation], ())]
