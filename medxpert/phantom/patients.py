"""Patients and their studies: everything about one follows from (seed, patient number, look) alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from medxpert.phantom.acquisition import BEDRIDDEN_RATE, draw_acquisition, draw_devices
from medxpert.phantom.anatomy import draw_anatomy
from medxpert.phantom.findings import PhantomFinding, draw_course, is_lasting
from medxpert.phantom.look import DEFAULT, Look
from medxpert.phantom.scene import Scene
from medxpert.phantom.text import PhantomReport, write_report

_STUDY_COUNTS = (1, 1, 1, 1, 1, 2, 2, 2, 3, 4)
"""A patient has one of these numbers of studies, each equally likely."""

_HELD_OUT = {1: "test", 3: "val", 9: "test", 13: "val", 17: "test"}
"""Of every 25 patients; the first five reach all splits."""


_REPEATED = 1
"""Tells the stream of repeated films from that of the patients."""


@dataclass(frozen=True)
class PhantomStudy:
    """One film of a patient and the report on it."""

    patient: int
    number: int
    scene: Scene
    report: PhantomReport


def split_of(patient: int) -> str:
    """Return the split a patient belongs to whatever the number of studies: 80 % train, 8 % val, 12 % test."""
    return _HELD_OUT.get(patient % 25, "train")


def _generator(seed: int, patient: int, look: Look) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((seed, patient, *look.stream)))


def roster(seed: int, num_studies: int, look: Look = DEFAULT) -> Iterator[tuple[int, int]]:
    """Yield patients and how many studies each has, until they have num_studies together."""
    patient = 0
    while num_studies > 0:
        count = min(_num_studies(_generator(seed, patient, look)), num_studies)
        yield patient, count
        num_studies -= count
        patient += 1


def _num_studies(rng: np.random.Generator) -> int:
    return _STUDY_COUNTS[int(rng.random() * len(_STUDY_COUNTS))]


def draw_patient(seed: int, patient: int, look: Look = DEFAULT) -> list[PhantomStudy]:
    """Draw a patient's studies in order of time; patients of two looks are different people."""
    rng = _generator(seed, patient, look)
    count = _num_studies(rng)
    anatomy = draw_anatomy(look, rng)
    bedridden = bool(rng.random() < BEDRIDDEN_RATE)
    studies = []
    implants: tuple[PhantomFinding, ...] = ()
    for number, pathologies in enumerate(draw_course(count, rng), start=1):
        devices = draw_devices(bedridden, rng)
        if number == 1:
            implants = tuple(device for device in devices if is_lasting(device.kind))
        passing = (device for device in devices if not is_lasting(device.kind))
        carried = {finding.kind: finding for finding in (*pathologies, *implants, *passing)}
        acquisition = draw_acquisition(look.technique, bedridden, rng)
        scene = Scene(anatomy, acquisition, tuple(carried.values()), look)
        studies.append(PhantomStudy(patient, number, scene, write_report(scene, rng)))
    return studies


def repeat_film(study: PhantomStudy, seed: int) -> Scene:
    """Film a patient of the phantom `seed` once more at the same time: another pose, exposure, border and noise."""
    first, look = study.scene.acquisition, study.scene.look
    rng = np.random.default_rng((seed, study.patient, study.number, _REPEATED, *look.stream))
    second = draw_acquisition(look.technique, first.view == "AP", rng)
    return replace(study.scene, acquisition=replace(second, view=first.view, shallow=first.shallow))
