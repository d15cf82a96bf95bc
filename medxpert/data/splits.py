"""Train, validation and test without a patient in two of them."""

from __future__ import annotations

import hashlib


def assign(patient_id: str, seed: int, train: float = 0.8, val: float = 0.1) -> str:
    """Return the split of a patient, 80/10/10 over many patients: a hash, so that added data moves nobody.

    Args:
        patient_id: who or what must not stand in two splits.
        seed: another seed gives other splits.
        train: share of the training split, in [0, 1].
        val: share of the validation split; what is left is the test split.
    """
    digest = hashlib.sha256(f"{seed}:{patient_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < train:
        return "train"
    return "val" if place < train + val else "test"
