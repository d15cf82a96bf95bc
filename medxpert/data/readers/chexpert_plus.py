"""Reader of CheXpert Plus (Chambon et al., 2024): the radiographs of CheXpert with their reports."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from medxpert.data.chexpert_tree import Pictures, Place, view_of
from medxpert.data.drafts import Draft, Drafts
from medxpert.data.labels import cell_labels, is_label
from medxpert.data.readers.chexpert import held_out
from medxpert.data.source import source
from medxpert.data.tables import Record, RowError, records
from medxpert.data.trees import find, folder, must_find
from medxpert.errors import ConfigError, DataError
from medxpert.privacy import checked
from medxpert.text import clean, is_blank, split_sections
from medxpert.words import SPLITS, Policy, Rejected, Study

LABELS = ("report", "findings", "impression", "rules")
_TABLES = ("df_chexpert_plus_240401.csv", "df_chexpert_plus_240401.csv.gz", "df_chexpert_plus_*.csv*")
_PARTS = {"train": "train", "val": "train", "test": "valid"}
log = logging.getLogger(__name__)


@source
def read(
    split: str,
    root: str,
    images: str | None = None,
    labels: Literal["report", "findings", "impression", "rules"] | None = "report",
    policy: Policy = "private",
    seed: int = 0,
) -> Iterator[Study | Rejected]:
    """Read the studies of one split, in the order of the table, each with all its views.

    The text is the table's section_findings (which a quarter of the reports has) and section_impression; where both
    are empty, what `split_sections` finds in the whole report. A study without text is rejected.

    The release has the splits train and valid. As with CheXpert, valid (200 studies, labelled by radiologists) is the
    test split, and 5 % of the train patients, the same ones, are the val split.

    Args:
        split: one of `SPLITS`.
        root: the folder that holds df_chexpert_plus_240401.csv, or up to three folders above it.
        images: the folder that holds train/patient00001/study1/view1_frontal.jpg, or up to three folders above it;
            .png and .dcm are as good, whatever the table says. By default, the root.
        labels: "report", "findings" or "impression": the CheXbert labels of that text, from report_fixed.json and so on
            below the root; without that file, or with "rules" or None, there are none, so that `label_texts` decides.
        policy: what may leave the machine.
        seed: chooses the val split by a hash of the patient id. It is not the training seed.

    Raises:
        ConfigError: a folder does not exist, or an argument is unknown.
        DataError: the table or all pictures of the split are not there, or the table or the labels are broken.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    if labels not in (*LABELS, None):
        raise ConfigError(f"data.labels={labels}: expected one of {', '.join(LABELS)} or null; change data.labels")
    known_policy = checked(policy, "data.policy")
    top = folder(root, "data.root")
    table = must_find(top, "data.root", *_TABLES)
    setting, place = ("data.root", top) if images is None else ("data.images", folder(images, "data.images"))
    pictures = Pictures.below(place, setting, _PARTS[split])
    drafts = _drafts(table, split, seed)
    known = _labels(top, labels, drafts, split)
    return _read(drafts, split, pictures, known, known_policy)


def _drafts(table: Path, split: str, seed: int) -> Drafts:
    """Read the studies of a split; a row that tells no split or patient is reported with train."""
    drafts = Drafts()
    for row in records(table, "data.root", ("path_to_image", "split")):
        own = "train"
        try:
            if isinstance(row, Rejected):
                raise RowError(row.reason, row.detail)
            place = Place.of(row.cells["path_to_image"])
            own = _split(row.cells["split"], row.cells.get("deid_patient_id") or place.patient_id, seed)
            if own == split:
                drafts.add(_draft(row, place))
        except RowError as error:
            if own == split:
                drafts.reject(row.where if isinstance(row, Rejected) else f"{table.name}:{row.line}", error)
    return drafts


def _split(part: str, patient_id: str, seed: int) -> str:
    if part not in ("train", "valid"):
        raise RowError("unknown split", f"expected train or valid, found {part!r}")
    return "test" if part == "valid" else held_out(patient_id, seed)


def _draft(row: Record, place: Place) -> Draft:
    cells = row.cells
    findings, impression = (_text(cells.get(f"section_{name}", "")) for name in ("findings", "impression"))
    if not findings and not impression:
        sections = split_sections(cells.get("report", ""))
        findings, impression = (_text(sections.get(name, "")) for name in ("findings", "impression"))
    view = view_of(cells.get("frontal_lateral", ""), cells.get("ap_pa", ""), place.name)
    patient_id = cells.get("deid_patient_id") or place.patient_id
    return Draft(place.study_id, patient_id, {cells["path_to_image"]: view}, findings, impression)


def _text(cell: str) -> str:
    return "" if is_blank(cell) else clean(cell)


def _labels(root: Path, labels: str | None, drafts: Drafts, split: str) -> Mapping[str, dict[str, int]]:
    """Return study id -> labels, from the lines of a JSON file; a broken line is reported with train."""
    path = find(root, f"{labels}_fixed.json") if labels in LABELS[:-1] else None
    if path is None:
        log.info("%s holds no CheXbert labels that were asked for (data.labels=%s)", root, labels)
        return {}
    own = {item.study_id for item in drafts.items if isinstance(item, Draft)}
    known: dict[str, dict[str, int]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    study_id, found = _labelled(line)
                except RowError as error:
                    if split == "train":
                        drafts.reject(f"{path.name}:{number}", error)
                    continue
                if study_id in own:
                    known.setdefault(study_id, found)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    return known


def _labelled(line: str) -> tuple[str, dict[str, int]]:
    """Read a line such as {"path_to_image": "train/...", "Edema": 1.0, "Fracture": null}."""
    try:
        cells: dict[str, Any] = json.loads(line)
        study_id = Place.of(cells["path_to_image"]).study_id
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RowError("broken label", f"expected a JSON object with path_to_image: {error}") from error
    names = [name for name in cells if is_label(name)]
    return study_id, cell_labels({name: "" if cells[name] is None else str(cells[name]) for name in names}, names)


def _read(
    drafts: Drafts, split: str, pictures: Pictures, labels: Mapping[str, dict[str, int]], policy: Policy
) -> Iterator[Study | Rejected]:
    for item in drafts.items:
        if isinstance(item, Rejected):
            yield item
        elif not item.findings and not item.impression:
            yield Rejected(item.study_id, "empty report")
        else:
            yield Study(
                study_id=item.study_id,
                patient_id=item.patient_id,
                images=tuple(pictures.file(path, view) for path, view in item.images.items()),
                findings=item.findings,
                impression=item.impression,
                labels=labels.get(item.study_id, {}),
                split=split,
                source="chexpert_plus",
                policy=policy,
            )
