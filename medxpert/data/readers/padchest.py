"""Studies from PadChest (Bustos et al., Medical Image Analysis 2020): radiographs, Spanish reports, labels."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from medxpert.data.drafts import Draft, Drafts
from medxpert.data.prompts import prompt
from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import Record, RowError, records, said
from medxpert.data.trees import folder, folders_of, must_find
from medxpert.data.views import projection
from medxpert.errors import ConfigError
from medxpert.images.files import ImageFile
from medxpert.ontology import NEGATIVE, NO_FINDING, POSITIVE, is_abnormal
from medxpert.privacy import checked
from medxpert.words import SPLITS, Policy, Rejected, Study

_SETTING = "data.root"
_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_*.csv"
_COLUMNS = ("ImageID", "ImageDir", "StudyID", "PatientID", "ViewPosition_DICOM", "Projection", "Report", "Labels")
_PROJECTIONS = {"PA": "PA", "AP": "AP", "AP_horizontal": "AP", "L": "LATERAL"}
_NOT_CHEST = frozenset({"COSTAL", "EXCLUDE"})
_EXCLUDED, _SILENT = "exclude", frozenset({"", "nan", "unchanged"})


@source
def read(
    split: str,
    root: str,
    images: str | None = None,
    prompts: bool = False,
    policy: Policy = "credentialed",
    seed: int = 0,
) -> Iterator[Study | Rejected]:
    """Read the studies of one split, in the order of their first rows in the table.

    The reports are Spanish, in lower case and without punctuation inside sentences; an English text tower makes little
    of them. The data set's 193 labels become the 14 observations (padchest_labels.json): what a list does not name is
    0; a list that says no more than "unchanged" tells nothing. No Finding is 1 for "normal" and 0 beside a pathology
    of the 14. Rib views and what the data set excludes itself are rejected.

    A row that cannot be used is reported with its patient's split, or with train when it tells none.

    Args:
        split: one of `SPLITS`: 80, 10 and 10 % of the patients.
        root: the folder with PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv (.gz too), or up to three above it.
        images: the folder with the pictures, in folders 0 to 54 or all in one; images/ beside the table by default,
            else the table's own.
        prompts: write each study's text, in English, from its labels.
        policy: what may leave the machine.
        seed: chooses the splits by a hash of the patient id. It is not the training seed.

    Raises:
        ConfigError: a folder does not exist, or an argument is unknown.
        DataError: the table is not there or is broken.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    known_policy = checked(policy, "data.policy")
    table = must_find(folder(root, _SETTING), _SETTING, _TABLE, f"{_TABLE}.gz")
    place = _beside(table) if images is None else folder(images, "data.images")
    packed = frozenset(path.name for path in folders_of(place))
    drafts = _drafts(table, split, seed)
    return (
        item if isinstance(item, Rejected) else _study(item, split, place, packed, prompts, known_policy)
        for item in drafts.items
    )


def _beside(table: Path) -> Path:
    images = table.parent / "images"
    return images if images.is_dir() else table.parent


def _drafts(table: Path, split: str, seed: int) -> Drafts:
    drafts = Drafts()
    for row in records(table, _SETTING, _COLUMNS):
        if isinstance(row, Rejected):
            if split == SPLITS[0]:
                drafts.items.append(row)
            continue
        owner = row.cells["PatientID"] or row.cells["StudyID"]
        if (assign(owner, seed) if owner else SPLITS[0]) != split:
            continue
        try:
            drafts.add(_draft(row))
        except RowError as error:
            drafts.reject(f"{table.name}:{row.line}", error)
    return drafts


def _draft(row: Record) -> Draft:
    cells = row.cells
    if not cells["StudyID"] or not cells["ImageID"]:
        raise RowError("no image" if cells["StudyID"] else "no study id")
    names = _names(cells["Labels"])
    if _EXCLUDED in names:
        raise RowError("excluded by the data set", "label exclude")
    view = _view(cells)
    image = f"{cells['ImageDir']}/{cells['ImageID']}"
    return Draft(cells["StudyID"], cells["PatientID"], {image: view}, said(cells["Report"]), labels=_labels(names))


def _view(cells: Mapping[str, str]) -> str:
    found = cells["Projection"]
    if found in _NOT_CHEST:
        raise RowError("not a chest projection", found)
    return _PROJECTIONS.get(found) or projection(cells["ViewPosition_DICOM"])


def _names(cell: str) -> list[str]:
    """Read "['cardiomegaly', ' pleural effusion']"; a missing value is an empty list."""
    if cell in ("", "nan"):
        return []
    try:
        found = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise RowError("broken label", f"expected a list such as ['normal'], found {cell[:40]!r}") from error
    if not isinstance(found, list):
        raise RowError("broken label", f"expected a list such as ['normal'], found {cell[:40]!r}")
    return [str(name).strip().lower() for name in found]


def _labels(names: list[str]) -> dict[str, int]:
    told = [name for name in names if name not in _SILENT]
    if not told:
        return {}
    found = {name: POSITIVE if own.intersection(told) else NEGATIVE for name, own in _observations().items()}
    if found[NO_FINDING] == NEGATIVE and not is_abnormal(found):
        del found[NO_FINDING]
    return found


@cache
def _observations() -> dict[str, frozenset[str]]:
    book = json.loads(files("medxpert.data.readers").joinpath("padchest_labels.json").read_text("utf-8"))
    return {name: frozenset(own) for name, own in book.items()}


def _study(
    draft: Draft, split: str, images: Path, packed: frozenset[str], prompts: bool, policy: Policy
) -> Study | Rejected:
    text = prompt(draft.labels, draft.study_id) if prompts else draft.findings
    if not text:
        return Rejected(draft.study_id, "no label to write a prompt from" if prompts else "empty report")
    return Study(
        study_id=draft.study_id,
        patient_id=draft.patient_id,
        images=tuple(ImageFile(_path(images, name, packed), view) for name, view in draft.images.items()),
        findings="" if prompts else text,
        impression=text if prompts else "",
        labels=draft.labels,
        split=split,
        source="padchest",
        policy=policy,
        text_kind="prompt" if prompts else "report",
    )


def _path(images: Path, name: str, packed: frozenset[str]) -> Path:
    """Return the picture's place: in its numbered folder where there is one."""
    number, _, file = name.partition("/")
    return images / number / file if number in packed else images / file
