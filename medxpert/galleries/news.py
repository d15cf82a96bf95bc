"""Which studies may be added to a run's gallery: none that is there, none of a patient it is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases, is_row_id, row_id
from medxpert.data.leaks import IMAGE, PATIENT
from medxpert.words import Rejected

THERE = "in the gallery already"
OTHER = "id of another study"
REASONS = (THERE, OTHER, PATIENT, IMAGE)
"""Why a study is left out, in the order in which they are asked."""


class News(NamedTuple):
    """What of N studies is new.

    Attributes:
        rows: their rows, ascending [M].
        study_ids, patient_ids: what the M studies are called in the gallery.
        left_out: the others.
    """

    rows: NDArray[np.int64]
    study_ids: list[str]
    patient_ids: list[str]
    left_out: list[Rejected]


@dataclass(frozen=True)
class Known:
    """What a run holds.

    Attributes:
        gallery: the studies that can be found.
        held_out: the splits that it is measured on, by name.
    """

    gallery: Cases
    held_out: Mapping[str, Cases]

    @cached_property
    def hash_of(self) -> dict[str, str | None]:
        """Study id -> hash of its first image, of the gallery."""
        return dict(zip(self.gallery.study_ids, self.gallery.column("image_hash"), strict=True))

    @cached_property
    def hashes(self) -> set[str]:
        """Hashes of the gallery's images."""
        return {one for one in self.hash_of.values() if one}

    @cached_property
    def patients(self) -> dict[str, str]:
        """Patient -> split it is held out in."""
        held = ((one, name) for name, cases in self.held_out.items() for one in cases.patient_ids)
        return {one: name for one, name in held if not is_row_id(one)}

    @cached_property
    def patients_without(self) -> dict[str, str]:
        """Patient, with and without the names of data sets before it -> split it is held out in."""
        return {called: name for one, name in self.patients.items() for called in _calls(one)}

    def split_of(self, patient_id: str, named: bool) -> str | None:
        """Return the split that a patient is held out in; None for none.

        The name of a data set may stand before the id on either side; two such names tell two patients apart.

        Args:
            patient_id: as it will stand in the gallery.
            named: the name before it is that of another hospital, without which it is nobody's id.
        """
        if is_row_id(patient_id):
            return None
        if named:
            return self.patients.get(patient_id)
        bare = (self.patients.get(called) for called in _calls(patient_id))
        return self.patients_without.get(patient_id) or next(filter(None, bare), None)

    @cached_property
    def held_hashes(self) -> dict[str, str]:
        """Image hash -> split it is held out in."""
        return {one: name for name, cases in self.held_out.items() for one in cases.column("image_hash") if one}

    @cached_property
    def held_ids(self) -> dict[str, str]:
        """Study id -> split it is held out in."""
        return {one: name for name, cases in self.held_out.items() for one in cases.study_ids}

    def fault(self, study_id: str, patient_id: str, image_hash: str | None, named: bool) -> Rejected | None:
        """Return why a study may not be added; see `split_of`."""
        if image_hash in self.hashes or (study_id in self.hash_of and not (image_hash and self.hash_of[study_id])):
            return Rejected(study_id, THERE)
        held = self.held_hashes.get(image_hash or "")
        if held:
            return Rejected(study_id, IMAGE, f"identical to one of {held}")
        held = self.split_of(patient_id, named)
        if held:
            return Rejected(study_id, PATIENT, f"patient {patient_id} stands in {held}")
        taken = "the gallery" if study_id in self.hash_of else self.held_ids.get(study_id)
        return Rejected(study_id, OTHER, f"another image stands under it in {taken}") if taken else None

    def grow(self, study_id: str, image_hash: str | None) -> None:
        """Count a study that will be added as one of the gallery."""
        self.hash_of[study_id] = image_hash
        if image_hash:
            self.hashes.add(image_hash)


def _calls(patient_id: str) -> list[str]:
    """Return a patient's id with and without each name of a data set before it."""
    parts = patient_id.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def news_of(cases: Cases, known: Known, prefix: str | None = None) -> News:
    """Sort out N studies.

    Args:
        cases: the N studies.
        known: what the run holds.
        prefix: put before their ids and a slash: another hospital's ids may be the same. No patient is then one that
            the run is measured on, unless under that very name; the first images of studies are compared all the same.
    """
    known = replace(known)  # what is taken counts for those behind it, and for no other addition
    named = f"{prefix}/" if prefix else ""
    rows, left_out, ids, patients = [], [], [], []
    columns = (cases.study_ids, cases.patient_ids, cases.column("image_hash"))
    for row, (study, patient, digest) in enumerate(zip(*columns, strict=True)):
        study_id = f"{named}{study}"
        # a number that stands for an unknown patient of the training studies may not stand for one of these
        patient_id = row_id(len(known.gallery) + row) if is_row_id(patient) else f"{named}{patient}"
        fault = known.fault(study_id, patient_id, digest, bool(prefix))
        if fault:
            left_out.append(fault)
        else:
            known.grow(study_id, digest)
            rows.append(row)
            ids.append(study_id)
            patients.append(patient_id)
    return News(np.array(rows, np.int64), ids, patients, left_out)
