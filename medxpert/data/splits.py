"""Train, validation and test without a patient in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from medxpert.errors import DataError

_TRAIN, _TRAIN_AND_VAL = 0.8, 0.9
_SHOWN = 5


def assign(patient_id: str, seed: int) -> str:
    """Return the split of a patient, 80/10/10 over many patients: a hash, so that added data moves nobody."""
    digest = hashlib.sha256(f"{seed}:{patient_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < _TRAIN:
        return "train"
    return "val" if place < _TRAIN_AND_VAL else "test"


def refuse_leaks(splits: Mapping[str, set[str]], where: str) -> None:
    """Check patient id -> the splits that the patient stands in.

    Raises:
        DataError: a patient stands in more than one split.
    """
    leaks = [patient for patient, own in splits.items() if len(own) > 1]
    if leaks:
        shown = ", ".join(leaks[:_SHOWN]) + (", ..." if len(leaks) > _SHOWN else "")
        cure = "correct the split column, or drop it so that a patient-disjoint split is made"
        raise DataError(f"{where}: {len(leaks)} patients stand in more than one split ({shown}); {cure}")
