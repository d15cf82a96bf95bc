"""Keeps the accounts of a data set while it is built, and takes them of one that is read."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

from trees.phantoms import REASONS
from trees.tree import Tree

from medxpert.data.splits import assign
from medxpert.images.errors import ImageError, Reason
from medxpert.images.files import load
from medxpert.words import SPLITS, Rejected, Study


class Tally:
    """Counts studies, images and patients by split, and what is rejected.

    Args:
        reasons: state of a picture -> why decoding rejects it.
    """

    def __init__(self, reasons: Mapping[str, str] = REASONS) -> None:
        self._reasons = dict(reasons)
        self._ids: dict[str, list[str]] = {split: [] for split in SPLITS}
        self._images: Counter[str] = Counter()
        self._studies: Counter[str] = Counter()
        self._patients: dict[str, set[str]] = {split: set() for split in SPLITS}
        self._rejected: Counter[str] = Counter()

    def study(self, split: str, study_id: str, patient_id: str, states: Sequence[str]) -> None:
        """Count a study that a reader yields, by the states of its pictures; "whole" is usable."""
        self._ids[split].append(study_id)
        whole = sum(state == "whole" for state in states)
        self._rejected.update(self._reasons[state] for state in states if state != "whole")
        if whole:
            self._studies[split] += 1
            self._images[split] += whole
            self._patients[split].add(patient_id)

    def reject(self, reason: str, times: int = 1) -> None:
        """Count what a reader rejects."""
        self._rejected[reason] += times

    def tree(self, arguments: Mapping[str, object]) -> Tree:
        """Close the accounts; no patient is known where every id is empty."""
        counts = {
            split: (self._studies[split], self._images[split], len(own) if own - {""} else None)
            for split, own in self._patients.items()
        }
        return Tree({key: str(value) for key, value in arguments.items()}, counts, dict(self._rejected), self._ids)


def taken(read: Callable[..., Iterable[Study | Rejected]], tree: Tree, **more: object) -> Tree:
    """Read and decode a data set, and return what was found in place of what the tree promises."""
    arguments = {key.removeprefix("data."): value for key, value in tree.arguments.items()} | more
    tally = Tally({reason: reason for reason in get_args(Reason)})
    for split in SPLITS:
        for item in read(split, **arguments):
            if isinstance(item, Rejected):
                tally.reject(item.reason)
            else:
                assert item.split == split
                tally.study(split, item.study_id, item.patient_id, [_state(image) for image in item.images])
    return tally.tree(tree.arguments)


def _state(image: object) -> str:
    try:
        load(image, 32)
    except ImageError as error:
        return error.reason
    return "whole"


def ids(template: str, wanted: Mapping[str, int], train: float = 0.8, val: float = 0.1) -> dict[str, list[str]]:
    """Number ids from 1 until every split has as many as wanted, and keep those; the hash decides where each goes."""
    found: dict[str, list[str]] = {split: [] for split in wanted}
    number = 0
    while any(len(found[split]) < count for split, count in wanted.items()):
        number += 1
        name = template.format(number)
        split = assign(name, 0, train, val)
        if len(found.get(split, ())) < wanted.get(split, 0):
            found[split].append(name)
    return found
