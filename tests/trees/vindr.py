"""VinDr-CXR as published, tables in annotations/, DICOMs in train/ and test/, with everything that goes wrong."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

from trees import dicoms
from trees.phantoms import phantoms, pixels
from trees.tally import Tally, ids
from trees.tree import Tree

from medxpert.words import Study

WANTED = {"train": 36, "val": 7}
NUM_TEST = 7
LABELS = [
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
    "Other disease",
    "No finding",
]


@dataclass(frozen=True)
class Case:
    """One radiograph and what each reader marked."""

    name: str
    split: str
    study: Study
    marks: tuple[tuple[str, ...], ...]
    state: dicoms.State = "whole"


def cases() -> list[Case]:
    """Return all radiographs, those of the published training set first."""
    names = ids("{:032x}", WANTED, 0.9, 0.1)
    named = sorted((name, split) for split, own in names.items() for name in own)
    named += [(f"{number:032x}", "test") for number in range(9000, 9000 + NUM_TEST)]
    drawn = phantoms(len(named))
    plain = [
        Case(name, split, study, _marks(number, 1 if split == "test" else 3))
        for number, ((name, split), study) in enumerate(zip(named, drawn, strict=True))
    ]
    train = [case for case in plain if case.split == "train"]
    odd = [
        replace(train[0], marks=(("Cardiomegaly",), ("Cardiomegaly", "Rib fracture"), ("No finding",))),
        replace(train[1], marks=(("Nodule/Mass", "ILD"), ("Lung tumor", "Infiltration"), ("No finding",))),
        replace(train[2], marks=(("No finding",), ("No finding",), ("Calcification",))),
        replace(train[3], state="missing"),
        replace(train[4], state="broken"),
        replace(train[5], state="pixelless"),
    ]
    changed = {case.name: case for case in odd}
    return [changed.get(case.name, case) for case in plain]


def _marks(number: int, readers: int) -> tuple[tuple[str, ...], ...]:
    own = "No finding" if number % 3 == 0 else LABELS[number % (len(LABELS) - 1)]
    return ((own,),) * readers


def build(root: Path) -> Tree:
    """Build the data set in an empty folder."""
    tally = Tally(dicoms.REASONS)
    known = cases()
    for case in known:
        part = "test" if case.split == "test" else "train"
        dicoms.write(root / part / f"{case.name}.dicom", pixels(case.study), case.state)
        tally.study(case.split, case.name, "", [case.state])
    (root / "annotations").mkdir()
    train = [case for case in known if case.split != "test"]
    rows = [
        [case.name, f"R{place + 8}", *_cells(own)]
        for place in range(3)
        for case in train
        for own in [case.marks[place]]
    ]
    broken = [["a" * 32, "R8", "1"], ["", "R8", *_cells(())], [known[0].name, "R9", *_cells(()[:1], "yes")]]
    _write(root / "annotations" / "image_labels_train.csv", ["image_id", "rad_id", *LABELS], rows + broken)
    tally.reject("wrong number of columns")
    tally.reject("no image")
    tally.reject("broken label")
    test = [[case.name, *_cells(case.marks[0])] for case in known if case.split == "test"]
    _write(root / "annotations" / "image_labels_test.csv", ["image_id", *LABELS], test)
    boxes = ["image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max"]
    _write(root / "annotations" / "annotations_train.csv", boxes, [[known[0].name, "R8", "Cardiomegaly", 1, 1, 9, 9]])
    return tally.tree({"data.root": root})


def _cells(marked: tuple[str, ...], first: str = "0") -> list[str]:
    cells = ["1" if name in marked else "0" for name in LABELS]
    return [first, *cells[1:]] if first != "0" else cells


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
