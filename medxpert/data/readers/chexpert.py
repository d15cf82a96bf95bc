"""Reader of CheXpert (Irvin et al., AAAI 2019): radiographs with labels, no reports."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from medxpert.data.chexpert_tree import Pictures, Place, view_of
from medxpert.data.drafts import Draft, Drafts
from medxpert.data.labels import cell_labels, is_label
from medxpert.data.prompts import prompt
from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import Record, RowError, records
from medxpert.data.trees import find, folder, must_find
from medxpert.errors import ConfigError
from medxpert.privacy import checked
from medxpert.words import SPLITS, Policy, Rejected, Study

_VAL = 0.05
log = logging.getLogger(__name__)


@source
def read(split: str, root: str, policy: Policy = "private", seed: int = 0) -> Iterator[Study | Rejected]:
    """Read the studies of one split, in the order of their table, each with all its views.

    There are no reports: the text is a sentence made from the labels. A study without any label is rejected.

    With a test.csv (or test_labels.csv) beside train.csv and valid.csv, these three are the splits. Without one, valid
    is the test split, because its 200 studies are labelled by radiologists while train is labelled by rules, and
    5 % of the train patients are the val split.

    Args:
        split: one of `SPLITS`.
        root: the folder CheXpert-v1.0/ or CheXpert-v1.0-small/, or up to three folders above it; in the full
            release the pictures may stay in the folders "CheXpert-v1.0 batch 1 (validate & csv)" and so on.
        policy: what may leave the machine.
        seed: chooses the val split by a hash of the patient id, where there is a test.csv it does nothing. It is not
            the training seed.

    Raises:
        ConfigError: the folder does not exist, or an argument is unknown.
        DataError: a table or all pictures of the split are not there, or a table is broken.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    known_policy = checked(policy, "data.policy")
    table = _table(folder(root, "data.root"), split)
    pictures = Pictures.below(folder(root, "data.root"), "data.root", table.part)
    items = _drafts(table, split, seed)
    return (_study(item, split, pictures, known_policy) if isinstance(item, Draft) else item for item in items)


class _Table(NamedTuple):
    """Which table holds a split."""

    path: Path
    part: str
    shared: bool
    """Whether train and val are drawn from it."""


def _table(root: Path, split: str) -> _Table:
    train, valid = (must_find(root, "data.root", name) for name in ("train.csv", "valid.csv"))
    test = find(train.parent, "test.csv", "test_labels.csv") or find(root, "test.csv", "test_labels.csv")
    if test is None:
        log.info("%s has no test.csv: valid is the test split, and 5 %% of the train patients are val", train.parent)
        return _Table(valid, "valid", False) if split == "test" else _Table(train, "train", True)
    tables = {"train": _Table(train, "train", False), "val": _Table(valid, "valid", False)}
    return tables.get(split, _Table(test, "test", False))


def _drafts(table: _Table, split: str, seed: int) -> Sequence[Draft | Rejected]:
    """Read the studies of a split; where train and val share a table, rows without patient are reported with train."""
    drafts = Drafts()
    names: list[str] = []
    for row in records(table.path, "data.root", ("Path",)):
        if isinstance(row, Rejected):
            if not table.shared or split == "train":
                drafts.items.append(row)
            continue
        names = names or [name for name in row.cells if is_label(name)]
        own = "train"
        try:
            place = Place.of(row.cells["Path"])
            own = held_out(place.patient_id, seed)
            if own == split or not table.shared:
                drafts.add(_draft(row, place, names))
        except RowError as error:
            if own == split or not table.shared:
                drafts.reject(f"{table.path.name}:{row.line}", error)
    return drafts.items


def held_out(patient_id: str, seed: int) -> str:
    """Return "val" for 5 % of the train patients, "train" for the others."""
    return assign(patient_id, seed, 1 - _VAL, _VAL)


def _draft(row: Record, place: Place, names: Sequence[str]) -> Draft:
    view = view_of(row.cells.get("Frontal/Lateral", ""), row.cells.get("AP/PA", ""), place.name)
    labels = cell_labels(row.cells, names)
    return Draft(place.study_id, place.patient_id, {row.cells["Path"]: view}, labels=labels)


def _study(draft: Draft, split: str, pictures: Pictures, policy: Policy) -> Study | Rejected:
    text = prompt(draft.labels, draft.study_id)
    if not text:
        return Rejected(draft.study_id, "no label to write a prompt from")
    return Study(
        study_id=draft.study_id,
        patient_id=draft.patient_id,
        images=tuple(pictures.file(path, view) for path, view in draft.images.items()),
        impression=text,
        labels=draft.labels,
        split=split,
        source="chexpert",
        policy=policy,
        text_kind="prompt",
    )
