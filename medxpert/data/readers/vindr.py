"""Studies from VinDr-CXR (Nguyen et al., Scientific Data 2022): DICOM radiographs labelled by radiologists."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from medxpert.data.labels import label_value, merged
from medxpert.data.prompts import prompt
from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import Record, RowError, records
from medxpert.data.trees import folder, must_find
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import ImageFile
from medxpert.ontology import NEGATIVE, NO_FINDING, POSITIVE, UNCERTAIN
from medxpert.privacy import checked
from medxpert.words import SPLITS, Policy, Rejected, Study

_SETTING = "data.root"
_TRAIN, _VAL = 0.9, 0.1
_SUFFIXES = (".dicom", ".dcm", ".png", ".jpg")
"""As published, then what people convert it to."""

Labels = dict[str, int]


@source
def read(split: str, root: str, policy: Policy = "credentialed", seed: int = 0) -> Iterator[Study | Rejected]:
    """Read the radiographs of one split, in the order of their first rows in the table; each is a study.

    There are no reports: the text is a sentence made from the labels. Three radiologists labelled each training
    radiograph; what most of them saw is positive, what a minority saw uncertain, what nobody saw negative (No Finding
    is never uncertain: without a majority it is negative). The test radiographs carry a consensus of five. All are PA
    views. Nobody knows the patients, so each radiograph is on its own. Boxes are not read.

    Args:
        split: one of `SPLITS`: test as published, val a tenth of the published training set by a hash of the id.
        root: the folder with annotations/, train/ and test/, or up to three folders above it.
        policy: what may leave the machine.
        seed: chooses the val split. It is not the training seed.

    Raises:
        ConfigError: the folder does not exist, or an argument is unknown.
        DataError: the table or the pictures of the split are not there, or the table is broken or has no label.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    known_policy = checked(policy, "data.policy")
    part = "test" if split == "test" else "train"
    table = must_find(folder(root, _SETTING), _SETTING, f"annotations/image_labels_{part}.csv")
    picture = must_find(table.parents[1], _SETTING, *(f"{part}/*{suffix}" for suffix in _SUFFIXES))
    items = _votes(table, split, seed)
    return (item if isinstance(item, Rejected) else _study(item, split, picture, known_policy) for item in items)


Votes = tuple[str, Sequence[Labels]]
"""An image id and what each reader marked, by names that `ontology.observation` knows."""


def _votes(table: Path, split: str, seed: int) -> list[Votes | Rejected]:
    """Gather the rows of each image; those that tell no image are reported with train, or with test."""
    items: list[Votes | Rejected] = []
    votes: defaultdict[str, list[Labels]] = defaultdict(list)
    for row in records(table, _SETTING, ("image_id",)):
        name = "" if isinstance(row, Rejected) else row.cells["image_id"]
        if not _is_of(split, name, seed):
            continue
        if isinstance(row, Rejected):
            items.append(row)
            continue
        try:
            marked = _marked(row, table)
        except RowError as error:
            items.append(Rejected(f"{table.name}:{row.line}", error.reason, error.detail))
            continue
        if name not in votes:
            items.append((name, votes[name]))
        votes[name].append(marked)
    return items


def _is_of(split: str, name: str, seed: int) -> bool:
    if split == "test":
        return True
    return split == (assign(name, seed, _TRAIN, _VAL) if name else "train")


def _marked(row: Record, table: Path) -> Labels:
    if not row.cells["image_id"]:
        raise RowError("no image")
    known = {column: name for column, name in _names().items() if column in row.cells}
    if not known:
        raise DataError(f"{table}: expected label columns such as Cardiomegaly, found {', '.join(row.cells)}")
    found: defaultdict[str, list[int]] = defaultdict(list)
    for column, name in known.items():
        value = label_value(column, row.cells[column])
        if name is not None and value is not None:
            found[name].append(value)
    return {name: max(values) for name, values in found.items()}


@cache
def _names() -> dict[str, str | None]:
    names: dict[str, str | None] = json.loads(
        files("medxpert.data.readers").joinpath("vindr_labels.json").read_text("utf-8")
    )
    return names


def vote(marked: Sequence[Mapping[str, int]]) -> Labels:
    """Return 1 for what most readers marked, -1 for what fewer did, 0 for what none did."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for labels in marked:
        for name, value in labels.items():
            found[name].append(value == POSITIVE)
    return {name: _majority(name, seen) for name, seen in found.items()}


def _majority(name: str, seen: Sequence[bool]) -> int:
    if 2 * sum(seen) > len(seen):
        return POSITIVE
    return UNCERTAIN if any(seen) and name != NO_FINDING else NEGATIVE


def _study(votes: Votes, split: str, picture: Path, policy: Policy) -> Study | Rejected:
    name, marked = votes
    text = prompt(vote(marked), name)
    if not text:
        return Rejected(name, "no label to write a prompt from")
    return Study(
        study_id=name,
        patient_id="",
        images=(ImageFile(picture.with_name(name + picture.suffix), "PA"),),
        impression=text,
        labels=vote([merged(labels) for labels in marked]),
        split=split,
        source="vindr",
        policy=policy,
        text_kind="prompt",
    )
