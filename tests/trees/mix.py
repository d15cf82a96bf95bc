"""Open-i and VinDr-CXR side by side, read as one."""

from collections import Counter
from pathlib import Path

from trees import openi, vindr
from trees.tree import Tree

from medxpert.words import SPLITS


def build(root: Path) -> Tree:
    """Build both in an empty folder; the arguments also choose the readers."""
    parts = {"indiana": openi.build(root / "openi"), "hanoi": vindr.build(root / "vindr")}
    arguments = {f"+data@data.sources.{name}": reader for name, reader in (("indiana", "openi"), ("hanoi", "vindr"))}
    arguments |= {
        key.replace("data.", f"data.sources.{name}.", 1): value
        for name, tree in parts.items()
        for key, value in tree.arguments.items()
    }
    rejected = sum((Counter(tree.rejected) for tree in parts.values()), Counter())
    ids = {split: [f"{name}/{one}" for name, tree in parts.items() for one in tree.ids[split]] for split in SPLITS}
    return Tree(arguments, {split: _sum(parts, split) for split in SPLITS}, dict(rejected), ids)


def _sum(parts: dict[str, Tree], split: str) -> tuple[int, int, int | None]:
    """Add up; VinDr-CXR names no patients, so Open-i's are all that are known."""
    counts = [tree.counts[split] for tree in parts.values()]
    return sum(one[0] for one in counts), sum(one[1] for one in counts), counts[0][2]
