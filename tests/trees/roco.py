"""ROCO as published, captions.txt and images/ in each split's folder, or ROCOv2 with its tables."""

import csv
from pathlib import Path

from trees.phantoms import State, phantoms, pixels, write
from trees.tally import Tally
from trees.tree import Tree

COUNTS = {"train": 36, "val": 7, "test": 7}
_FOLDERS = {
    1: {"train": "train", "val": "validation", "test": "test"},
    2: {"train": "train", "val": "valid", "test": "test"},
}
_STATES: dict[int, State] = {1: "missing", 2: "broken"}
"""Numbers of the training pictures that are not whole."""


def name_of(split: str, number: int) -> str:
    """Return an id; ROCO numbers its pictures through all splits."""
    return f"ROCO_{1000 * list(COUNTS).index(split) + number:05d}"


def captions(split: str) -> list[str]:
    """Return the captions of one split; the first speaks of another organ, the last two are the same."""
    drawn = phantoms(sum(COUNTS.values()))
    start = sum(count for name, count in COUNTS.items() if list(COUNTS).index(name) < list(COUNTS).index(split))
    own = [study.findings for study in drawn[start : start + COUNTS[split]]]
    return ['Axial MRI of the left knee shows a "bucket handle" tear.', *own[1:-1], own[-2]]


def build(root: Path, version: int = 1) -> Tree:
    """Build one of the two releases in an empty folder."""
    tally = Tally()
    for number, split in enumerate(COUNTS):
        top = root / _FOLDERS[version][split]
        images = top / "radiology" / "images" if version == 1 else top
        rows = [(name_of(split, place), caption) for place, caption in enumerate(captions(split))]
        for place, (name, _) in enumerate(rows):
            state = _STATES.get(place, "whole") if split == "train" else "whole"
            write(images / f"{name}.jpg", pixels(phantoms(50)[place], number), state)
            tally.study(split, name, "", [state])
        if split == "train":
            rows += [(rows[3][0], "Again."), (name_of(split, 900), " ")]
            tally.reject("image listed twice")
            tally.reject("empty report")
        _list(root, top, rows, version)
    tally.reject("wrong number of columns", len(COUNTS))
    return tally.tree({"data.root": root})


def _list(root: Path, top: Path, rows: list[tuple[str, str]], version: int) -> None:
    if version == 1:
        lines = [*(f"{name}\t {caption}" for name, caption in rows), "no tab here", ""]
        (top / "radiology" / "captions.txt").write_text("\n".join(lines), encoding="utf-8")
        (top / "radiology" / "keywords.txt").write_text(f"{rows[0][0]}\tknee\n")
        return
    with (root / f"{top.name}_captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("ID", "Caption"), *rows, ("alone",)])
