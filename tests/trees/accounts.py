"""What a reader makes of a tree, in the words in which tests compare it with the tree."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from trees.phantoms import REASONS
from trees.tree import Tree

from medxpert.words import SPLITS, Rejected, Study


def arguments(tree: Tree) -> dict[str, str]:
    """Return the arguments that read a tree, by their names in Python."""
    return {key.removeprefix("data."): value for key, value in tree.arguments.items()}


def everything(
    read: Callable[..., Iterable[Study | Rejected]], *given: Any, **options: Any
) -> tuple[dict[str, list[Study]], list[Rejected]]:
    """Read all splits: studies by split, and everything rejected."""
    items = {split: list(read(split, *given, **options)) for split in SPLITS}
    studies = {split: [item for item in own if isinstance(item, Study)] for split, own in items.items()}
    return studies, [item for own in items.values() for item in own if isinstance(item, Rejected)]


def ids(studies: Mapping[str, Sequence[Study]]) -> dict[str, list[str]]:
    """Return study ids by split."""
    return {split: [study.study_id for study in own] for split, own in studies.items()}


def by_reader(tree: Tree) -> dict[str, int]:
    """Return how often a reader itself rejects something; decoders do the rest."""
    return {reason: count for reason, count in tree.rejected.items() if reason not in REASONS.values()}
