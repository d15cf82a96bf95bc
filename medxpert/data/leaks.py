"""Patients and images that stand in two splits: found, listed, and dealt with as the user says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from medxpert.data.source import OnLeak
from medxpert.errors import DataError
from medxpert.words import Rejected, Study

TRAIN = "train"
PATIENT, IMAGE = "patient stands in another split", "image stands in another split"
"""Reasons for which training studies are left out although they could be used."""
_SHOWN, _SHOWN_CHARS = 5, 40


class Shared(NamedTuple):
    """One patient or image in several splits."""

    name: str
    """Patient id, or the SHA-256 of the image's decoded pixels."""
    splits: tuple[str, ...]
    studies: tuple[str, ...]
    """The studies concerned, in the order of the splits."""


class Settled(NamedTuple):
    """What is left of all splits once patients have been looked at."""

    studies: dict[str, list[Study]]
    dropped: list[Rejected]
    shared: list[Shared] | None
    """None where no patient is known."""


def settle_patients(studies: Mapping[str, Sequence[Study]], on_leak: OnLeak | None) -> Settled:
    """Find the patients that stand in two splits, and keep, refuse or drop their training studies.

    Args:
        studies: by split.
        on_leak: None means "fail".

    Raises:
        DataError: there are such patients and `on_leak` is "fail", or they stand in two splits beside training, which
            "drop_train" cannot mend.
    """
    shared = shared_patients(studies)
    kept = {split: list(own) for split, own in studies.items()}
    if not shared or on_leak == "keep":
        return Settled(kept, [], shared)
    if on_leak != "drop_train":
        raise DataError(_refusal("patients", shared, all(TRAIN in one.splits for one in shared)))
    beyond = [one for one in shared if len(set(one.splits) - {TRAIN}) > 1]
    if beyond:
        raise DataError(_refusal("patients", beyond, mendable=False))
    held_out = {one.name for one in shared}
    kept[TRAIN] = [study for study in studies[TRAIN] if study.patient_id not in held_out]
    dropped = [
        Rejected(study.study_id, PATIENT, f"patient {study.patient_id}")
        for study in studies[TRAIN]
        if study.patient_id in held_out
    ]
    return Settled(kept, dropped, shared)


def shared_patients(studies: Mapping[str, Sequence[Study]]) -> list[Shared] | None:
    """Return the patients that stand in two splits or more; None where no patient is known."""
    places: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for split, own in studies.items():
        for study in own:
            if study.patient_id:
                places[study.patient_id].setdefault(split, []).append(study.study_id)
    return shared(places) if places else None


def shared(places: Mapping[str, Mapping[str, Sequence[str]]]) -> list[Shared]:
    """Return what stands in two splits or more, given name -> split -> studies."""
    return [
        Shared(name, tuple(by_split), tuple(study for own in by_split.values() for study in own))
        for name, by_split in sorted(places.items())
        if len(by_split) > 1
    ]


class HeldOut:
    """Images of the splits that training must not see, by the hash of their decoded pixels."""

    def __init__(self, on_leak: OnLeak | None) -> None:
        self._on_leak = on_leak
        self._split_of: dict[str, str] = {}

    def add(self, split: str, hashes: Iterable[str]) -> None:
        """Hold out the images of a split."""
        for one in hashes:
            self._split_of.setdefault(one, split)

    @property
    def hashes(self) -> list[str]:
        """All that is held out, in ascending order."""
        return sorted(self._split_of)

    @property
    def settings(self) -> list[Any]:
        """All that `fault` depends on, as JSON values."""
        return [self._on_leak, sorted(self._split_of.items())]

    def fault(self, study: Study, hashes: Sequence[str]) -> Rejected | None:
        """Return why a training study must be dropped; None where it may stay.

        Raises:
            DataError: an image of it is held out, and the user wants to fail.
        """
        found = [self._split_of[one] for one in hashes if one in self._split_of]
        if not found or self._on_leak == "keep":
            return None
        if self._on_leak == "fail":
            raise DataError(
                f"study {study.study_id} of train has an image that is identical to one of {found[0]}; correct the "
                "data, or set data.on_leak=drop_train to leave such training studies out"
            )
        return Rejected(study.study_id, IMAGE, f"identical to one of {found[0]}")


def shared_images(images: Mapping[str, Iterable[tuple[str, str]]], on_leak: OnLeak | None) -> list[Shared]:
    """Return the images that stand in two splits or more, training or not.

    Args:
        images: split -> (SHA-256 of the decoded pixels, study id) of each image.
        on_leak: "fail" accepts none.

    Raises:
        DataError: there are such images and `on_leak` is "fail".
    """
    places: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for split, own in images.items():
        for name, study_id in own:
            places[name].setdefault(split, []).append(study_id)
    found = shared(places)
    if found and on_leak == "fail":
        raise DataError(_refusal("images", found, all(TRAIN in one.splits for one in found)))
    return found


def listed(shared: Iterable[Shared]) -> list[dict[str, Any]]:
    """Return leaks as JSON values."""
    return [{"name": one.name, "splits": list(one.splits), "studies": list(one.studies)} for one in shared]


def _refusal(what: str, shared: Sequence[Shared], mendable: bool = True) -> str:
    names = ", ".join(f"{one.name[:_SHOWN_CHARS]} in {' and '.join(one.splits)}" for one in shared[:_SHOWN])
    more = ", ..." if len(shared) > _SHOWN else ""
    drop = "data.on_leak=drop_train to leave out their training studies, or " if mendable else ""
    beyond = "" if mendable else ", which dropping training studies cannot mend"
    told = f"{len(shared)} {what} stand in more than one split ({names}{more}){beyond}"
    return f"{told}; correct the splits, or set {drop}data.on_leak=keep"
