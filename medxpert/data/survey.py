"""All studies of a reader, split by split, before any picture is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medxpert.data.leaks import Shared, settle_patients
from medxpert.data.source import on_leak_of
from medxpert.words import SPLITS, Reader, Rejected, Study


@dataclass(frozen=True)
class Survey:
    """What a reader offers.

    Attributes:
        studies: by split; no patient stands in two of them unless that was asked for.
        rejected: by split, in the reader's order; dropped training studies last.
        patients: those that stood in two splits; None where no patient is known.
        without_patient: studies of which nobody knows the patient.
    """

    studies: dict[str, list[Study]]
    rejected: dict[str, list[Rejected]]
    patients: list[Shared] | None
    without_patient: int


def splits_of(reader: Any) -> tuple[str, ...]:
    """Return the splits that a reader offers: `SPLITS`, then its `more_splits`."""
    return (*SPLITS, *getattr(getattr(reader, "func", reader), "more_splits", ()))


def survey(reader: Reader) -> Survey:
    """Read every split.

    Raises:
        DataError: patients stand in two splits and the reader was not told to accept that.
        MedXpertError: whatever the reader raises.
    """
    studies: dict[str, list[Study]] = {}
    rejected: dict[str, list[Rejected]] = {}
    for split in splits_of(reader):
        items = list(reader(split))
        studies[split] = [item for item in items if isinstance(item, Study)]
        rejected[split] = [item for item in items if isinstance(item, Rejected)]
    settled = settle_patients(studies, on_leak_of(reader))
    rejected["train"] += settled.dropped
    unknown = sum(not study.patient_id for own in settled.studies.values() for study in own)
    return Survey(settled.studies, rejected, settled.shared, unknown)
