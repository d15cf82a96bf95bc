"""The tables of MIMIC-CXR-JPG: which image belongs to which study and split, seen from where, labelled how."""

from __future__ import annotations

import gzip
import hashlib
import logging
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from medxpert.data.labels import cell_labels, is_label
from medxpert.data.tables import Record, RowError, records
from medxpert.data.trees import find_all, listing
from medxpert.data.views import projection
from medxpert.errors import DataError
from medxpert.words import Rejected

_SPLITS = {"train": "train", "validate": "val", "test": "test"}
_VIEW_COLUMNS = ("ViewPosition", "ViewCodeSequence_CodeMeaning", "PerformedProcedureStepDescription")
"""In this order: the last one describes the whole study, and helps only where it names a single projection."""
log = logging.getLogger(__name__)


class Tables(NamedTuple):
    """The files; None where there is none."""

    split: Path
    metadata: Path | None
    labels: Path | None
    radiologists: Path | None


@dataclass(frozen=True)
class Faults:
    """Rows that cannot be used: those of the split, and those that do not tell whose they are."""

    own: list[Rejected] = field(default_factory=list)
    lost: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True)
class Images:
    """What the split table says about one split.

    Attributes:
        studies: study id -> patient id and dicom ids, in the table's order.
        known: every study id of the table, whatever its split.
    """

    studies: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)


def find_tables(roots: Sequence[Path], labels: str | None) -> Tables:
    """Find the tables, plain or gzipped; those beside the split table win.

    Args:
        roots: where to look, in this order.
        labels: the labeler whose table is wanted, and with it the radiologists'.

    Raises:
        DataError: there is no split table, or there are two that differ.
    """
    splits = _tables(roots, "split")
    if not splits:
        told = "; ".join(f"{root} holds {listing(root)}" for root in roots)
        raise DataError(
            f"expected mimic-cxr-2.0.0-split.csv or .csv.gz, found none: {told}; it comes with MIMIC-CXR-JPG: "
            "put it there, or set data.tables to its folder"
        )
    _refuse_two(splits)
    kinds = ["metadata", *([labels, "test-set-labeled"] if labels else [])]
    found = [next(iter(_tables([splits[0].parent, *roots], kind)), None) for kind in kinds]
    for kind, path in zip(kinds[:2], found, strict=False):
        if path is None:
            log.warning("no mimic-cxr-2.*-%s.csv beside %s: done without", kind, splits[0])
    return Tables(splits[0], *found, *[None] * (3 - len(found)))


def read_images(path: Path, split: str, faults: Faults) -> Images:
    """Read the split table.

    Raises:
        DataError: the file is not such a table.
    """
    images = Images()
    for row in records(path, "data.tables", ("dicom_id", "study_id", "subject_id", "split")):
        if isinstance(row, Rejected):
            faults.lost.append(row)
            continue
        own, known = _SPLITS.get(row.cells["split"].lower()), faults.lost
        try:
            if own is None:
                raise RowError("unknown split", f"expected train, validate or test, found {row.cells['split']!r}")
            if own == split:
                known = faults.own
                _add(images, row.cells)
        except RowError as error:
            known.append(_fault(path, row, error))
        images.known.add(row.cells["study_id"])
    return images


def _add(images: Images, cells: Mapping[str, str]) -> None:
    study_id, patient_id, dicom_id = cells["study_id"], cells["subject_id"], cells["dicom_id"]
    if not study_id or not patient_id or not dicom_id:
        raise RowError("no image", "dicom_id, study_id or subject_id is empty")
    owner, dicom_ids = images.studies.setdefault(study_id, (patient_id, []))
    if owner != patient_id:
        raise RowError("patient_id differs within a study", f"study {study_id}")
    if dicom_id in dicom_ids:
        raise RowError("image listed twice", f"study {study_id}")
    dicom_ids.append(dicom_id)


def read_views(path: Path, wanted: Collection[str], faults: Faults) -> dict[str, str]:
    """Return dicom id -> "PA", "AP", "LATERAL" or "", as far as the metadata know the wanted ones.

    Raises:
        DataError: the file is not such a table, or knows none of them.
    """
    views = {}
    for row in records(path, "data.tables", ("dicom_id", "ViewPosition")):
        if isinstance(row, Rejected):
            faults.lost.append(row)
        elif row.cells["dicom_id"] in wanted:
            views[row.cells["dicom_id"]] = _view(row.cells)
    if wanted and not views:
        raise DataError(
            f"two versions mixed: {path} knows none of the {len(wanted)} images of this split; "
            "point data.tables at the folder of one version"
        )
    if unknown := len(wanted) - len(views):
        log.warning("%s does not know %d of %d images: their views stay unknown", path, unknown, len(wanted))
    return views


def read_labels(path: Path, wanted: Collection[str], faults: Faults) -> dict[str, dict[str, int]]:
    """Return study id -> the 14 observations as far as they are mentioned; studies without a row are absent.

    Raises:
        DataError: the file is not such a table.
    """
    labels: dict[str, dict[str, int]] = {}
    names: list[str] = []
    for row in records(path, "data.tables", ("study_id",)):
        if isinstance(row, Rejected):
            faults.lost.append(row)
            continue
        names = names or [name for name in row.cells if is_label(name)]
        if row.cells["study_id"] in wanted:
            try:
                labels[row.cells["study_id"]] = cell_labels(row.cells, names)
            except RowError as error:
                faults.own.append(_fault(path, row, error))
    return labels


def _tables(roots: Sequence[Path], kind: str) -> list[Path]:
    """Return the tables of a kind; a file beside its own gzip, or found twice, counts once."""
    patterns = (f"mimic-cxr-2*-{kind}.csv", f"mimic-cxr-2*-{kind}.csv.gz")
    found: dict[str, Path] = {}
    for root in roots:
        for path in find_all(root, *patterns):
            if path.is_file():
                found.setdefault(str(path.resolve()).removesuffix(".gz"), path)
    return list(found.values())


def _refuse_two(splits: Sequence[Path]) -> None:
    first, *others = splits
    for other in others:
        if _digest(other) != _digest(first):
            raise DataError(
                f"two versions mixed: {first} and {other} differ; "
                "point data.images and data.reports at one version, or set data.tables to the folder of one"
            )


def _digest(path: Path) -> str:
    try:
        data = path.read_bytes()
        return hashlib.sha256(gzip.decompress(data) if path.suffix == ".gz" else data).hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _view(cells: Mapping[str, str]) -> str:
    for name in _VIEW_COLUMNS:
        if said := cells.get(name):
            view = projection(said)
            if view or name == "ViewPosition":
                return view
    return ""


def _fault(path: Path, row: Record, error: RowError) -> Rejected:
    return Rejected(f"{path.name}:{row.line}", error.reason, error.detail)
