"""CheXpert as Stanford lays it out, small and full, with everything that goes wrong in copies."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from trees.phantoms import REASONS, State, phantoms, pixels, write
from trees.tree import Tree

from medxpert.data.splits import assign
from medxpert.ontology import OBSERVATIONS

NUM = {"train": 42, "val": 9, "test": 9}
SMALL = "CheXpert-v1.0-small"
BATCHES = {"valid": "batch 1 (validate & csv)", "train": "batch 2 (train 1)"}


@dataclass
class Film:
    """One row: what it says, and how its picture is."""

    name: str
    plane: str = "Frontal"
    side: str = "AP"
    view: str = "AP"
    state: State = "whole"


@dataclass
class Case:
    """One study."""

    number: int
    patient_id: str
    study: str
    split: str
    labels: dict[str, int]
    findings: str
    impression: str
    films: list[Film] = field(default_factory=list)
    reason: str = ""
    picture: int | None = None
    """The phantom whose picture it shows, where not its own."""

    @property
    def study_id(self) -> str:
        return f"{self.patient_id}-{self.study}"


def patients(split: str, num: int) -> Iterator[str]:
    """Yield patients: of train or val, names that the reader's hash puts there; of test, numbers of their own."""
    if split == "test":
        return (f"patient{number}" for number in range(64541, 64541 + num))
    names = (f"patient{number:05d}" for number in count(1))
    return islice((name for name in names if assign(name, 0, 0.95, 0.05) == split), num)


def cases(same_image: bool = False, shared_patient: bool = False) -> list[Case]:
    """Plan the studies: in train, every second patient has two."""
    drawn = iter(phantoms(sum(NUM.values())))
    planned: list[Case] = []
    for split, num in NUM.items():
        names = [name for name in patients(split, num) for _ in range(2 if split == "train" else 1)]
        for number, (name, study) in enumerate(zip(names[:num], drawn, strict=False)):
            own = f"study{number % 2 + 1 if split == 'train' else 1}"
            texts = study.findings, study.impression
            planned.append(Case(len(planned), name, own, split, dict(study.labels), *texts, [Film("view1_frontal")]))
    _spoil(planned)
    train, test = of_split(planned, "train"), of_split(planned, "test")
    if same_image:
        test[4].picture = train[30].number
    if shared_patient:
        test[5].patient_id, test[5].study = train[30].patient_id, "study9"
    return planned


def of_split(planned: Sequence[Case], split: str) -> list[Case]:
    return [case for case in planned if case.split == split]


def build(
    root: Path,
    full: bool = False,
    has_test: bool = False,
    ending: str = ".jpg",
    same_image: bool = False,
    shared_patient: bool = False,
) -> Tree:
    """Write the data set.

    Args:
        root: an empty folder.
        full: the full release, its pictures in folders of batches.
        has_test: with the official test set; then valid is val. Train keeps the patients of val, too.
        ending: of the pictures; the tables say .jpg.
        same_image: a training picture is a test picture, too.
        shared_patient: a training patient is a test patient, too.
    """
    planned = cases(same_image, shared_patient)
    parts = {"train": "train", "val": "train", "test": "valid"}
    tables = {
        "train.csv": [*of_split(planned, "train"), *of_split(planned, "val")],
        "valid.csv": of_split(planned, "test"),
    }
    top = root / ("CheXpert-v1.0 batch 1 (validate & csv)" if full else SMALL)
    for case in planned:
        part = parts[case.split]
        folder = root / f"CheXpert-v1.0 {BATCHES[part]}" / ("" if part == "train" else part) if full else top / part
        write_pictures(folder, case, ending)
    if has_test:
        (root / SMALL).mkdir(exist_ok=True)
        tables["test.csv"] = [Case(n, f"patient{64741 + n}", "study1", "test", {"Edema": 1}, "", "") for n in range(6)]
        for case in tables["test.csv"]:
            case.films.append(Film("view1_frontal", "", "", ""))
            write_pictures(top / "test", case, ending)
    prefix = "CheXpert-v1.0" if full else SMALL
    for name, own in tables.items():
        write_table(top / name, prefix, name.removesuffix(".csv"), own)
    splits = _splits(tables) if has_test else {split: of_split(planned, split) for split in NUM}
    return Tree({"data.root": str(root)}, counts(splits), _rejected(splits), ids(splits))


def write_pictures(folder: Path, case: Case, ending: str) -> None:
    """Write the pictures of a study below the folder of its part."""
    drawn = phantoms(sum(NUM.values()))
    for number, film in enumerate(case.films):
        source = drawn[case.number if case.picture is None else case.picture]
        write(folder / case.patient_id / case.study / f"{film.name}{ending}", pixels(source, number), film.state)


def write_table(path: Path, prefix: str, part: str, planned: Sequence[Case]) -> None:
    """Write a table; train.csv has rows that cannot be used."""
    header = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *OBSERVATIONS]
    rows = []
    for case in planned:
        labels = [f"{case.labels[name]}.0" if name in case.labels else "" for name in OBSERVATIONS]
        for film in case.films:
            place = f"{prefix}/{part}/{case.patient_id}/{case.study}/{film.name}.jpg"
            rows.append([place, "Female", "68", film.plane, film.side, *labels])
    if part == "train":
        rows += [[rows[0][0], "Male"], [f"{prefix}/train/view1_frontal.jpg", *rows[0][1:]], rows[0]]
        rows.append([rows[0][0].replace("view1", "view3"), *rows[0][1:-1], "2.0"])
        rows.append([rows[0][0].replace("view1", "view4"), *rows[0][1:5], *["-1.0"] * 14])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def counts(splits: dict[str, list[Case]]) -> dict[str, tuple[int, int, int | None]]:
    """Count what stays usable after decoding."""
    found: dict[str, tuple[int, int, int | None]] = {}
    for split, own in splits.items():
        kept = [case for case in own if not case.reason for film in case.films if film.state == "whole"]
        found[split] = (len({case.study_id for case in kept}), len(kept), len({case.patient_id for case in kept}))
    return found


def faults(splits: dict[str, list[Case]]) -> Counter[str]:
    """Count the studies that the reader rejects, and the pictures that decoding rejects."""
    planned = [case for own in splits.values() for case in own]
    films = [film for case in planned if not case.reason for film in case.films]
    rejected = Counter(REASONS[film.state] for film in films if film.state != "whole")
    return rejected + Counter(case.reason for case in planned if case.reason)


def ids(splits: dict[str, list[Case]]) -> dict[str, list[str]]:
    """Return what the reader yields, in order."""
    return {split: [case.study_id for case in own if not case.reason] for split, own in splits.items()}


def _spoil(planned: Sequence[Case]) -> None:
    train, val, test = (of_split(planned, split) for split in NUM)
    for case in (train[0], train[1], train[5], train[8], val[0], test[0]):
        case.films.append(Film("view2_lateral", "Lateral", "", "LATERAL"))
    train[1].films.insert(1, Film("view3_frontal", "Frontal", "PA", "PA"))
    train[2].films[0].side, train[2].films[0].view = "", ""
    train[3].labels, train[3].reason = {}, "no label to write a prompt from"
    train[4].films[0].state = "missing"
    train[5].films[1].state = "missing"
    train[6].films[0].state = "broken"
    train[8].films[0].state = "broken"
    train[9].films[0] = Film("view1_lateral", "Lateral", "LL", "LATERAL")
    val[1].films[0].state = "broken"
    test[1].films[0].state = "missing"


def _splits(tables: dict[str, list[Case]]) -> dict[str, list[Case]]:
    return {"train": tables["train.csv"], "val": tables["valid.csv"], "test": tables["test.csv"]}


def _rejected(splits: dict[str, list[Case]]) -> dict[str, int]:
    rows = {"wrong number of columns": 1, "broken path": 1, "image listed twice": 1, "broken label": 1}
    return dict(faults(splits) + Counter({**rows, "labels differs within a study": 1}))
