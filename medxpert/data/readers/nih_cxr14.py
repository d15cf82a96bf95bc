"""Reader of NIH ChestX-ray14 (Wang et al., CVPR 2017): radiographs with labels, no reports."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from medxpert.data.labels import is_label, merged
from medxpert.data.prompts import prompt
from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import Record, RowError, records
from medxpert.data.trees import find_all, folder, listing, must_find
from medxpert.data.views import projection
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import ImageFile
from medxpert.ontology import NEGATIVE, POSITIVE
from medxpert.privacy import checked
from medxpert.words import SPLITS, Policy, Rejected, Study

NAMES = (
    "No Finding", "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis",
    "Hernia", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
"""What the data set labels: a name that a row does not hold is 0 there."""
_VAL = 0.1
_ENDINGS = (".png", ".jpg", ".jpeg")
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID")


@source
def read(
    split: str, root: str, images: str | None = None, policy: Policy = "private", seed: int = 0
) -> Iterator[Study | Rejected]:
    """Read the images of one split, in the order of the label table; each image is a study.

    There are no reports: the text is a sentence made from the labels. The test split is test_list.txt; 10 % of the
    patients of train_val_list.txt are the val split. Images that stand in neither list are reported with train, images
    of a list that the label table does not know with the list's own split (train for train_val_list.txt).

    Args:
        split: one of `SPLITS`.
        root: the folder that holds Data_Entry_2017_v2020.csv (or Data_Entry_2017.csv), train_val_list.txt and
            test_list.txt, or up to three folders above it.
        images: the folder that holds images_001/images/*.png and so on, or all pictures; resized copies and .jpg are
            as good. By default, the root.
        policy: what may leave the machine.
        seed: chooses the val split by a hash of the patient id. It is not the training seed.

    Raises:
        ConfigError: a folder does not exist, or an argument is unknown.
        DataError: a table, a list or all pictures are not there, or they are broken.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    known_policy = checked(policy, "data.policy")
    top = folder(root, "data.root")
    table = must_find(top, "data.root", "Data_Entry_2017_v2020.csv*", "Data_Entry_2017*.csv*")
    lists = _lists(top)
    setting, place = ("data.root", top) if images is None else ("data.images", folder(images, "data.images"))
    pictures = _pictures(place, setting)
    rows = records(table, "data.root", _COLUMNS)
    return _Reading(split, table.name, lists, pictures, known_policy, seed).items(rows)


def _lists(root: Path) -> Mapping[str, str]:
    """Return image name -> "train_val" or "test"."""
    found: dict[str, str] = {}
    for part in ("train_val", "test"):
        path = must_find(root, "data.root", f"{part}_list.txt")
        try:
            names = path.read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: expected one image name a line, cannot read it: {error}") from error
        twice = [name for name in names if found.get(name, part) != part]
        if twice:
            raise DataError(
                f"{path}: {len(twice)} images stand in train_val_list.txt, too ({twice[0]}, ...); drop them"
            )
        found |= dict.fromkeys(names, part)
    return found


def _pictures(root: Path, setting: str) -> Mapping[str, Path]:
    """Return image name without ending -> file, from the folders' listings alone."""
    folders = [path for path in (*find_all(root, "images*/images*", "images*"), root) if path.is_dir()]
    found: dict[str, Path] = {}
    for place in reversed(folders):
        for name in sorted(os.listdir(place)):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in _ENDINGS:
                found[stem] = place / name
    if not found:
        expected = "expected images_001/images/00000001_000.png"
        raise DataError(f"{setting}={root}: {expected}, found {listing(root)}; point {setting} at the pictures")
    return found


class _Reading:
    """One pass over the label table."""

    def __init__(
        self, split: str, table: str, lists: Mapping[str, str], pictures: Mapping[str, Path], policy: Policy, seed: int
    ) -> None:
        self.split, self.table, self.lists, self.pictures = split, table, lists, pictures
        self.policy, self.seed = policy, seed
        self._elsewhere = next(iter(pictures.values())).parent
        self._seen: set[str] = set()

    def items(self, rows: Iterator[Record | Rejected]) -> Iterator[Study | Rejected]:
        for row in rows:
            if isinstance(row, Rejected):
                if self.split == "train":
                    yield row
                continue
            own = "train"
            try:
                own = self._split(row)
                if own == self.split:
                    yield self._study(row)
            except RowError as error:
                if own == self.split:
                    yield Rejected(f"{self.table}:{row.line}", error.reason, error.detail)
        own_list = {"train": "train_val", "test": "test"}.get(self.split)
        for name, part in self.lists.items():
            if part == own_list and name not in self._seen:
                yield Rejected(name, "not in metadata", f"expected a row of {self.table}")

    def _split(self, row: Record) -> str:
        name = row.cells["Image Index"]
        part = self.lists.get(name)
        if part is None:
            raise RowError("in no split list", name)
        if name in self._seen:
            raise RowError("image listed twice", name)
        self._seen.add(name)
        return "test" if part == "test" else assign(row.cells["Patient ID"], self.seed, 1 - _VAL, _VAL)

    def _study(self, row: Record) -> Study:
        study_id = row.cells["Image Index"].rpartition(".")[0] or row.cells["Image Index"]
        labels = _labels(row.cells["Finding Labels"])
        path = self.pictures.get(study_id, self._elsewhere / row.cells["Image Index"])
        return Study(
            study_id=study_id,
            patient_id=row.cells["Patient ID"],
            images=(ImageFile(path, projection(row.cells.get("View Position", ""))),),
            impression=prompt(labels, study_id),
            labels=merged(labels),
            split=self.split,
            source="nih_cxr14",
            policy=self.policy,
            text_kind="prompt",
        )


def _labels(cell: str) -> dict[str, int]:
    """Return the data set's own names -> 1 or 0.

    Raises:
        RowError: the cell is empty or names something else.
    """
    names = [name.strip() for name in cell.split("|") if name.strip()]
    if not names:
        raise RowError("no label to write a prompt from")
    unknown = [name for name in names if not is_label(name)]
    if unknown:
        raise RowError("unknown label", repr(unknown[0]))
    return dict.fromkeys(NAMES, NEGATIVE) | dict.fromkeys(names, POSITIVE)
