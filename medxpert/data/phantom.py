"""Reader of the phantom: procedural radiographs with reports and known truth, for anyone without data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.phantom.patients import PhantomStudy, draw_patient, roster, split_of
from medxpert.phantom.rendering import PHANTOM_VERSION, render
from medxpert.phantom.scene import Scene
from medxpert.words import SPLITS, Rejected, Study

MIN_STUDIES = 20
MIN_SIDE, MAX_SIDE = 64, 512


@dataclass(frozen=True)
class PhantomImage:
    """A film that is rendered each time it is read."""

    scene: Scene
    side: int

    @property
    def view(self) -> str:
        """Projection: "AP" or "PA"."""
        return self.scene.acquisition.view

    def fingerprint(self) -> str:
        """Identify the pixels by all parameters they depend on."""
        parameters = json.dumps(self.scene.to_json(), sort_keys=True).encode()
        return f"phantom-{PHANTOM_VERSION}-{self.side}-{hashlib.sha256(parameters).hexdigest()}"

    def read(self) -> NDArray[np.uint8]:
        """Render grey pixels [side, side]."""
        return render(self.scene, self.side)


def read(split: str, num_studies: int = 10000, seed: int = 0, side: int = 128) -> Iterator[Study | Rejected]:
    """Yield the phantom studies of one split.

    Args:
        split: "train", "val" or "test"; 80, 8 and 12 % of the patients.
        num_studies: studies of all splits together, at least 20.
        seed: of the whole phantom; another seed gives other patients.
        side: pixels per side, 64 to 512.

    Raises:
        ConfigError: an argument is out of range.
    """
    _check(split, num_studies, seed, side)
    return _studies(split, num_studies, seed, side)


def _check(split: str, num_studies: int, seed: int, side: int) -> None:
    if split not in SPLITS:
        raise ConfigError(f"split is {split!r}; expected one of {', '.join(SPLITS)}")
    if num_studies < MIN_STUDIES:
        raise ConfigError(f"data.num_studies={num_studies}: the phantom needs at least {MIN_STUDIES} studies")
    if not MIN_SIDE <= side <= MAX_SIDE:
        raise ConfigError(f"data.side={side}: the phantom renders {MIN_SIDE} to {MAX_SIDE} pixels per side")
    if seed < 0:
        raise ConfigError(f"data.seed={seed}: the phantom needs a seed of at least 0")


def _studies(split: str, num_studies: int, seed: int, side: int) -> Iterator[Study]:
    for patient, count in roster(seed, num_studies):
        if split_of(patient) == split:
            for study in draw_patient(seed, patient)[:count]:
                yield _study(study, split, side)


def _study(drawn: PhantomStudy, split: str, side: int) -> Study:
    patient_id = f"p{drawn.patient:05d}"
    return Study(
        study_id=f"{patient_id}-s{drawn.number}",
        patient_id=patient_id,
        images=(PhantomImage(drawn.scene, side),),
        findings=drawn.report.findings.text,
        impression=drawn.report.impression.text,
        labels=drawn.report.labels,
        split=split,
        source="phantom",
        policy="open",
        truth={"image": drawn.scene.to_json(), "report": drawn.report.to_json()},
    )
