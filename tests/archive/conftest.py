"""Records to save."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from documents.samples import REPLY, REPORT

from medxpert.archive.record import Record
from medxpert.exchange import Exported
from medxpert.reviewing import Decision, Review
from medxpert.words import Hit

PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
HITS = (Hit(1, 0.91234567, "s1", "p1", "Left effusion.", {"Edema": -1}, 7), Hit(2, 0.5, "s2", "", "<b>", {}, 8))


def jpeg(level: int) -> bytes:
    """Return a picture of one grey level."""
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((4, 4), level, np.uint8)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Return a record of an image file with everything that a record may hold."""
    source = tmp_path / "given.PNG"
    PIL.Image.fromarray(PIXELS).save(source)
    cited = {"s1": (jpeg(10), "Left effusion.", 0.9), "s2": (jpeg(200), "<b>text</b>", 0.25)}
    exported = Exported(REPORT, PIXELS, source, cited, "credentialed", REPLY)
    decisions = (Decision("accepted"), Decision("edited", "Mild edema."), *[Decision()] * (len(REPORT.findings) - 2))
    return Record(
        exported, Review(decisions, frozenset({"J90"}), None, "a note"), "my film.png", "a run", HITS, HITS[:1]
    )


@pytest.fixture
def noted(record: Record):
    """Return what makes the record with another note."""
    return lambda words: replace(record, review=replace(record.review, note=words))
