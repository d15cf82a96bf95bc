"""A study and its first image as a row of the cases table."""

from __future__ import annotations

import json
from typing import Any, Protocol

from medxpert.cases import encode_labels, row_id
from medxpert.data.sections import Text, section
from medxpert.words import Study


class Picture(Protocol):
    """What the table holds of an image."""

    @property
    def thumbnail(self) -> bytes:
        """A grey JPEG."""
        ...

    @property
    def path(self) -> str:
        """The file it came from; empty when it came from none."""
        ...

    @property
    def sha256(self) -> str:
        """Of its decoded pixels."""
        ...


def case_row(study: Study, picture: Picture, text: Text, split: str, row: int, num_images: int) -> dict[str, Any]:
    """Return values for every column of `cases.SCHEMA`.

    Args:
        study: with the image that stands for it first.
        picture: that image.
        text: which section stands for the study.
        split: where the study stands.
        row: its number there; stands in for a patient that nobody knows.
        num_images: how many images stand for it.
    """
    name, content = section(study.findings, study.impression, text)
    return {
        "study_id": study.study_id,
        "patient_id": study.patient_id or row_id(row),
        "text": content,
        "section": "prompt" if study.text_kind == "prompt" else name,
        "view": study.images[0].view,
        "split": split,
        "images": num_images,
        "image_hash": picture.sha256,
        "source": study.source,
        "policy": study.policy,
        "path": picture.path,
        "truth": json.dumps(study.truth) if study.truth else None,
        "labels": encode_labels(study.labels),
        "thumbnail": picture.thumbnail,
    }
