"""NIH ChestX-ray14 as the NIH lays it out, with everything that goes wrong in copies."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from trees.phantoms import REASONS, State, phantoms, pixels, write
from trees.tree import Tree

from medxpert.data.splits import assign

NUM = {"train": 40, "val": 9, "test": 9}
TABLES = {"Data_Entry_2017_v2020.csv": "", "Data_Entry_2017.csv": ","}
"""Name -> what ends each line."""
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
_FINDINGS = ("No Finding", "Effusion|Infiltration", "Mass", "Hernia", "Pleural_Thickening", "Cardiomegaly|Edema")


@dataclass
class Case:
    """One image, which is a study."""

    number: int
    patient: int
    follow_up: int
    split: str
    findings: str
    view: str = "PA"
    position: str = "PA"
    state: State = "whole"
    mode: str = "L"
    reason: str = ""
    """Why the reader rejects it."""
    has_row: bool = True
    is_listed: bool = True
    picture: int | None = None
    """The phantom whose picture it shows, where not its own."""

    @property
    def study_id(self) -> str:
        return f"{self.patient:08d}_{self.follow_up:03d}"


def patients(split: str, num: int) -> Iterator[int]:
    """Yield patients: of train or val, numbers that the reader's hash puts there."""
    if split == "test":
        return iter(range(30000, 30000 + num))
    return islice((number for number in count(1) if assign(str(number), 0, 0.9, 0.1) == split), num)


def cases(same_image: bool = False, shared_patient: bool = False) -> list[Case]:
    """Plan the images: in train, every patient has two."""
    planned: list[Case] = []
    for split, num in NUM.items():
        per_patient = 2 if split == "train" else 1
        for number, patient in enumerate(p for p in patients(split, num) for _ in range(per_patient)):
            if number < num:
                findings = _FINDINGS[number % len(_FINDINGS)]
                planned.append(Case(len(planned), patient, number % per_patient, split, findings))
    train, val, test = (of_split(planned, split) for split in NUM)
    _spoil(train, val, test)
    if same_image:
        test[4].picture = train[30].number
    if shared_patient:
        test[5].patient, test[5].follow_up = train[30].patient, 9
    return planned


def of_split(planned: Sequence[Case], split: str) -> list[Case]:
    return [case for case in planned if case.split == split]


def build(
    root: Path,
    flat: bool = False,
    ending: str = ".png",
    table: str = "Data_Entry_2017_v2020.csv",
    same_image: bool = False,
    shared_patient: bool = False,
) -> Tree:
    """Write the data set.

    Args:
        root: an empty folder.
        flat: all pictures in images/ instead of images_001/images/ and so on.
        ending: of the pictures; the tables say .png.
        table: one of `TABLES`.
        same_image: a training picture is a test picture, too.
        shared_patient: a training patient is a test patient, too.
    """
    planned = cases(same_image, shared_patient)
    drawn = phantoms(len(planned))
    for case in planned:
        folder = "images" if flat else f"images_{case.number % 12 + 1:03d}/images"
        grey = pixels(drawn[case.number if case.picture is None else case.picture])
        write(root / folder / f"{case.study_id}{ending}", grey, case.state, case.mode if ending == ".png" else "L")
    lists = {"train_val": [*of_split(planned, "train"), *of_split(planned, "val")], "test": of_split(planned, "test")}
    for name, own in lists.items():
        lines = [f"{case.study_id}.png" for case in reversed(own) if case.is_listed]
        (root / f"{name}_list.txt").write_text("\n".join(lines))
    end = TABLES[table]
    lines = [HEADER, *(_row(case) for case in planned if case.has_row), _row(planned[0]), "00000001_099.png,Mass,1"]
    (root / table).write_text("".join(f"{line}{end}\n" for line in lines))
    return Tree({"data.root": str(root)}, _counts(planned), _rejected(planned), _ids(planned))


def _spoil(train: Sequence[Case], val: Sequence[Case], test: Sequence[Case]) -> None:
    train[0].view = train[0].position = "AP"
    train[1].view = train[1].position = ""
    train[2].mode, train[4].mode = "RGBA", "RGB"
    train[3].state = "missing"
    train[5].state = "broken"
    train[6].findings, train[6].reason = "Mass|Gout", "unknown label"
    train[7].findings, train[7].reason = "", "no label to write a prompt from"
    train[8].has_row, train[8].reason = False, "not in metadata"
    train[9].is_listed, train[9].reason = False, "in no split list"
    val[1].state = "broken"
    val[2].has_row, val[2].reason = False, "not in metadata"
    test[1].state = "missing"
    test[2].has_row, test[2].reason = False, "not in metadata"


def _row(case: Case) -> str:
    told = f"{case.study_id}.png,{case.findings},{case.follow_up},{case.patient},57,M,{case.position}"
    return f"{told},2682,2749,0.143,0.143"


def _kept(planned: Sequence[Case], split: str) -> list[Case]:
    return [case for case in of_split(planned, split) if not case.reason]


def _counts(planned: Sequence[Case]) -> dict[str, tuple[int, int, int | None]]:
    whole = {split: [case for case in _kept(planned, split) if case.state == "whole"] for split in NUM}
    return {split: (len(own), len(own), len({case.patient for case in own})) for split, own in whole.items()}


def _rejected(planned: Sequence[Case]) -> dict[str, int]:
    reasons = Counter(case.reason for case in planned if case.reason)
    reasons += Counter(REASONS[case.state] for case in planned if not case.reason and case.state != "whole")
    return dict(reasons + Counter({"wrong number of columns": 1, "image listed twice": 1}))


def _ids(planned: Sequence[Case]) -> dict[str, list[str]]:
    return {split: [case.study_id for case in _kept(planned, split)] for split in NUM}
