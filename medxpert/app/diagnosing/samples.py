"""The studies that a run brings along to be tried: which there are, their pictures, their own reports."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from medxpert.folders import read_json
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageFile, load
from medxpert.run import Run

FOLDER = "samples"
_TRUTH = "truth.json"
_SIDE_PX = 112


class Sample(NamedTuple):
    """One study of the test split.

    Attributes:
        name: of its file, without the suffix.
        path: of its image.
    """

    name: str
    path: Path

    @property
    def title(self) -> str:
        """What a person would call it, such as "Sample 3"."""
        return self.name.replace("_", " ").capitalize()


def samples(run: Run) -> list[Sample]:
    """Return a run's samples in the order of their numbers; none where it has none."""
    found = [Sample(path.stem, path) for path in (run.path / FOLDER).glob("*.png") if path.is_file()]
    return sorted(found, key=lambda one: [int(part) if part.isdigit() else part for part in _parts(one.name)])


def _parts(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def named(name: str, among: Sequence[Sample]) -> Sample | None:
    """Return the sample of this name; None where there is none."""
    return next((one for one in among if one.name == name), None)


def own_report(sample: Sample) -> str:
    """Return the report that came with a sample; "" where none did.

    Raises:
        DataError: the table of the samples is broken.
    """
    table = sample.path.with_name(_TRUTH)
    told = read_json(table) if table.is_file() else []
    return next((str(one.get("text", "")) for one in told if one.get("file") == sample.path.name), "")


def thumbnail(path: Path) -> str:
    """Return a small picture as a data URI; "" where the image cannot be read."""
    try:
        pixels = load(ImageFile(path), _SIDE_PX)
    except ImageError:
        return ""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
