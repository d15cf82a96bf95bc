"""The two studies that are compared: which can be chosen, which are, and what their files tell of them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

from medxpert.app.diagnosing.samples import Sample
from medxpert.app.uploads import Kept
from medxpert.folders import read_json, sha256
from medxpert.images.dataset import SUFFIXES, is_dicom
from medxpert.images.header import read_header
from medxpert.images.source import head

Slot = Literal["earlier", "current"]
SLOTS: tuple[Slot, ...] = ("earlier", "current")
_OWN, _PICKED, _FOLLOWED = "compare.own", "compare.picked", "compare.followed"
_CURRENT = "image"
_DATE, _MINUTES = 8, 12


@dataclass(frozen=True)
class Study:
    """One of two studies.

    Attributes:
        kept: its image on disk.
        title: what to call it; not to be trusted as markup.
        is_sample: whether it is one of the run's.
    """

    kept: Kept
    title: str
    is_sample: bool


def offered(state: MutableMapping[Any, Any], samples: list[Sample]) -> dict[str, Study]:
    """Return what can be chosen by its key: the user's own images first, the latest ahead, then the run's samples."""
    own: dict[str, Kept] = state.setdefault(_OWN, {})
    told = {digest: Study(kept, kept.name, False) for digest, kept in reversed(own.items())}
    return told | {one.name: Study(Kept(one.path, one.path.name, ""), one.title, True) for one in samples}


def add(state: MutableMapping[Any, Any], kept: Kept, slot: Slot) -> None:
    """Offer an image of the user's own from now on, and choose it."""
    state.setdefault(_OWN, {})[kept.sha256] = kept
    picked(state)[slot] = kept.sha256


def picked(state: MutableMapping[Any, Any]) -> dict[Slot, str | None]:
    """Return which study is chosen in each slot, by its key."""
    told: dict[Slot, str | None] = state.setdefault(_PICKED, {"earlier": None, "current": None})
    return told


def swap(state: MutableMapping[Any, Any]) -> None:
    """Let the earlier study be the current one, and the other way round."""
    told = picked(state)
    told["earlier"], told["current"] = told["current"], told["earlier"]


def follow(state: MutableMapping[Any, Any], samples: list[Sample]) -> None:
    """Begin with the image of the other screens as the current study, and again whenever that is another one."""
    kept: Kept | None = state.get(_CURRENT)
    if kept is None or kept.sha256 == state.get(_FOLLOWED):
        return
    state[_FOLLOWED] = kept.sha256
    sample = next((one for one in samples if one.path == kept.path), None)
    if sample is None:
        add(state, kept, "current")
    else:
        picked(state)["current"] = sample.name


def content_of(study: Study) -> str:
    """Return the sha256 of a study's image."""
    return study.kept.sha256 or sha256(study.kept.path)


def taken(study: Study) -> str:
    """Return when a study was taken, as its DICOM header says, such as "2024-05-31 14:05"; "" where it says nothing.

    Raises:
        ImageError: the file cannot be read.
    """
    path = study.kept.path
    if path.suffix.lower() not in SUFFIXES and not is_dicom(head(path)):
        return ""
    told = read_header(path).taken
    day = f"{told[:4]}-{told[4:6]}-{told[6:_DATE]}" if len(told) >= _DATE else ""
    return f"{day} {told[8:10]}:{told[10:12]}" if day and len(told) >= _MINUTES else day


def are_strangers(chosen: Mapping[Slot, Study]) -> bool:
    """Tell whether both are samples that the run itself names as of two patients.

    Raises:
        DataError: the table of the samples is broken.
    """
    if not all(one.is_sample for one in chosen.values()):
        return False
    table = chosen["current"].kept.path.with_name("truth.json")
    rows = read_json(table) if table.is_file() else []
    named = {one.get("file"): one.get("patient_id") for one in rows}
    told = {named.get(one.kept.path.name) for one in chosen.values()}
    return len(told - {None, ""}) > 1
