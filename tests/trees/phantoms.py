"""Pictures and reports for data sets that tests build."""

import io
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.data.readers import phantom
from medxpert.words import Study

State = Literal["whole", "missing", "broken"]
_SIDE = 64
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}


@cache
def phantoms(count: int, seed: int = 0) -> tuple[Study, ...]:
    """Return phantom studies that have both findings and impression."""
    drawn = phantom.read("train", num_studies=4 * count + 20, seed=seed, side=_SIDE)
    studies = [study for study in drawn if isinstance(study, Study) and study.findings and study.impression]
    return tuple(studies[:count])


def pixels(study: Study, number: int = 0) -> NDArray[np.uint8]:
    """Render a phantom; further views of a study are the first one, turned."""
    grey = study.images[0].read()
    assert isinstance(grey, np.ndarray)
    return np.rot90(grey, number).copy()


def write(path: Path, grey: NDArray[np.uint8], state: State = "whole", mode: str = "L") -> None:
    """Write a picture, half of it, or none."""
    if state == "missing":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(buffer, _FORMATS[path.suffix.lower()])
    data = buffer.getvalue()
    path.write_bytes(data if state == "whole" else data[: len(data) // 2])


REASONS = {"missing": "image missing", "broken": "image broken"}
"""What decoding says of pictures that are not whole."""
