"""Reader of the phantom: procedural radiographs with reports and known truth, for anyone without data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medxpert.data.source import source
from medxpert.errors import ConfigError
from medxpert.phantom.look import SHIFT
from medxpert.phantom.patients import PhantomStudy, draw_patient, repeat_film, roster, split_of
from medxpert.phantom.rendering import PHANTOM_VERSION, render
from medxpert.phantom.scene import Scene
from medxpert.words import SHIFTED, SPLITS, Rejected, Study

MIN_STUDIES = 20
SHIFTED_SHARE = 0.12
"""Studies of the shifted split relative to `num_studies`, as many as the test split has."""
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


@source
def read(
    split: str, num_studies: int = 10000, seed: int = 0, side: int = 128, num_images: int = 1
) -> Iterator[Study | Rejected]:
    """Yield the phantom studies of one split.

    Args:
        split: "train", "val" or "test", 80, 8 and 12 % of the patients; or "test_shift": other patients, filmed and
            reported on in another hospital, with the same kinds of findings (`medxpert.phantom.look`).
        num_studies: studies of the first three splits together, at least 20; "test_shift" adds 12 % as many.
        seed: of the whole phantom; another seed gives other patients.
        side: pixels per side, 64 to 512.
        num_images: films of each study, 1 or 2; the second one repeats the first with another pose and exposure.

    Raises:
        ConfigError: an argument is out of range.
    """
    _check(split, num_studies, seed, side, num_images)
    drawn = _shifted(num_studies, seed) if split == SHIFTED else _usual(split, num_studies, seed)
    repeated = num_images > 1
    return (_study(study, split, side, [repeat_film(study, seed)] if repeated else []) for study in drawn)


read.more_splits = (SHIFTED,)  # type: ignore[attr-defined]


def _check(split: str, num_studies: int, seed: int, side: int, num_images: int) -> None:
    if split not in (*SPLITS, SHIFTED):
        raise ConfigError(f"split is {split!r}; expected one of {', '.join((*SPLITS, SHIFTED))}")
    if num_studies < MIN_STUDIES:
        raise ConfigError(f"data.num_studies={num_studies}: the phantom needs at least {MIN_STUDIES} studies")
    if not MIN_SIDE <= side <= MAX_SIDE:
        raise ConfigError(f"data.side={side}: the phantom renders {MIN_SIDE} to {MAX_SIDE} pixels per side")
    if num_images not in (1, 2):
        raise ConfigError(f"data.num_images={num_images}: a phantom study has 1 or 2 films")
    if seed < 0:
        raise ConfigError(f"data.seed={seed}: the phantom needs a seed of at least 0")


def _usual(split: str, num_studies: int, seed: int) -> Iterator[PhantomStudy]:
    for patient, count in roster(seed, num_studies):
        if split_of(patient) == split:
            yield from draw_patient(seed, patient)[:count]


def _shifted(num_studies: int, seed: int) -> Iterator[PhantomStudy]:
    for patient, count in roster(seed, round(SHIFTED_SHARE * num_studies), SHIFT):
        yield from draw_patient(seed, patient, SHIFT)[:count]


def _study(drawn: PhantomStudy, split: str, side: int, more: Sequence[Scene]) -> Study:
    patient_id = f"{drawn.scene.look.initial}{drawn.patient:05d}"
    return Study(
        study_id=f"{patient_id}-s{drawn.number}",
        patient_id=patient_id,
        images=tuple(PhantomImage(scene, side) for scene in (drawn.scene, *more)),
        findings=drawn.report.findings.text,
        impression=drawn.report.impression.text,
        labels=drawn.report.labels,
        split=split,
        source="phantom",
        policy="open",
        truth={"image": drawn.scene.to_json(), "report": drawn.report.to_json()},
    )
