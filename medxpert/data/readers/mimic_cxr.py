"""Reader of MIMIC-CXR: radiographs of MIMIC-CXR-JPG (or MIMIC-CXR) with the reports of MIMIC-CXR."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medxpert.data.mimic_tables import Faults, Images, Tables, find_tables, read_images, read_labels, read_views
from medxpert.data.report_files import Reports, bases, open_reports, sample
from medxpert.data.source import source
from medxpert.data.tables import RowError
from medxpert.data.trees import ending, folder, listing
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import ImageFile
from medxpert.privacy import checked
from medxpert.text import clean, split_sections
from medxpert.words import SPLITS, Policy, Rejected, Study

ENDINGS = (".jpg", ".jpeg", ".png", ".dcm")
LABELS = ("chexpert", "negbio", "rules")
_ORPHANS = 0.1
"""Above this share of the studies, reports without an image mean that the tables name a subset on purpose."""
log = logging.getLogger(__name__)


@source
def read(
    split: str,
    images: str,
    reports: str | None = None,
    tables: str | None = None,
    labels: Literal["chexpert", "negbio", "rules"] | None = "chexpert",
    policy: Policy = "private",
) -> Iterator[Study | Rejected]:
    """Read the studies of one official split ("validate" is val), in the order of the split table.

    A study keeps all its images. Its text is the findings and the impression of its report; a study without a report
    or without text in it is rejected, once. Whether a picture is there is not asked: decoding finds out. Rows that
    cannot be used, and reports of studies that the split table does not name, are reported with the training split.

    Args:
        split: one of `SPLITS`.
        images: the folder that holds files/p10/p10000032/s50414267/<dicom_id>.jpg, or up to three folders above it;
            resized copies, .jpeg, .png and .dcm are as good.
        reports: the folder of the reports, files/p10/p10000032/s50414267.txt, or mimic-cxr-reports.zip; by default
            they lie among the images.
        tables: the folder of the tables (mimic-cxr-2.0.0-split.csv, -metadata.csv, -chexpert.csv, -negbio.csv and
            mimic-cxr-2.1.0-test-set-labeled.csv, each plain or .gz); by default they lie with the images or the
            reports. Only the split table is needed; without metadata the views are unknown.
        labels: whose labels. "chexpert" or "negbio": the tables of that name; test studies have the radiologists'
            labels where these are there, and studies that a table does not know have none. "rules" or None: none, so
            that `label_texts` decides.
        policy: what may leave the machine.

    Raises:
        ConfigError: a folder does not exist, or an argument is unknown.
        DataError: pictures, reports or the split table are not there, are broken or of two versions.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    if labels not in (*LABELS, None):
        raise ConfigError(f"data.labels={labels}: expected one of {', '.join(LABELS)} or null; change data.labels")
    known_policy = checked(policy, "data.policy")
    root = folder(images, "data.images")
    pictures = _pictures(root)
    texts = open_reports(reports, root)
    found = find_tables(_roots(root, reports, tables), None if labels == "rules" else labels)
    return _read(_Split.of(split, found), pictures, texts, known_policy)


@dataclass(frozen=True)
class _Pictures:
    """Where pictures lie and how their names end."""

    base: Path
    ending: str

    def file(self, patient_id: str, study_id: str, dicom_id: str, view: str) -> ImageFile:
        folders = f"p{patient_id[:2]}/p{patient_id}/s{study_id}"
        return ImageFile(Path(f"{self.base}/{folders}/{dicom_id}{self.ending}"), view)


def _pictures(root: Path) -> _Pictures:
    found = bases(root)
    for base in found:
        if (suffix := ending(sample(base), ENDINGS)) is not None:
            return _Pictures(base, suffix)
    seen = f"no picture below {found[0]}" if found else listing(root)
    raise DataError(
        f"data.images={root}: expected files/p10/p10000032/s50414267/<dicom_id>.jpg (or {', '.join(ENDINGS[1:])}), "
        f"found {seen}; point data.images at the folder that contains files/"
    )


def _roots(images: Path, reports: str | None, tables: str | None) -> list[Path]:
    """Return the folders where tables may lie."""
    if tables is not None:
        return [folder(tables, "data.tables")]
    own = images.parent if images.name == "files" else images
    if reports is None:
        return [own]
    path = Path(reports).expanduser()
    return [own, path if path.is_dir() and path.name != "files" else path.parent]


@dataclass(frozen=True)
class _Split:
    """What the tables know about one split."""

    name: str
    images: Images
    views: Mapping[str, str]
    labels: Mapping[str, Mapping[str, int]]
    faults: Sequence[Rejected]

    @classmethod
    def of(cls, split: str, tables: Tables) -> _Split:
        faults = Faults()
        images = read_images(tables.split, split, faults)
        views: dict[str, str] = {}
        labels: dict[str, dict[str, int]] = {}
        if tables.metadata:
            wanted = {dicom_id for _, dicom_ids in images.studies.values() for dicom_id in dicom_ids}
            views = read_views(tables.metadata, wanted, faults)
        if tables.labels:
            labels = read_labels(tables.labels, images.studies, faults)
        if tables.radiologists and split == "test":
            labels |= read_labels(tables.radiologists, images.studies, Faults(faults.own, faults.own))
        return cls(split, images, views, labels, faults.own + (faults.lost if split == "train" else []))


def _read(own: _Split, pictures: _Pictures, texts: Reports, policy: Policy) -> Iterator[Study | Rejected]:
    yield from own.faults
    for study_id, (patient_id, dicom_ids) in own.images.studies.items():
        try:
            sections = split_sections(texts.read(patient_id, study_id))
            findings, impression = (clean(sections.get(name, "")) for name in ("findings", "impression"))
            if not findings and not impression:
                raise RowError("empty report")
        except RowError as error:
            yield Rejected(study_id, error.reason, error.detail)
            continue
        yield Study(
            study_id=study_id,
            patient_id=patient_id,
            images=tuple(pictures.file(patient_id, study_id, name, own.views.get(name, "")) for name in dicom_ids),
            findings=findings,
            impression=impression,
            labels=own.labels.get(study_id, {}),
            split=own.name,
            source="mimic_cxr",
            policy=policy,
        )
    if own.name == "train":
        yield from _orphans(texts, own.images.known)


def _orphans(texts: Reports, known: set[str]) -> Iterator[Rejected]:
    orphans = [study_id for study_id in texts.study_ids() if study_id not in known]
    if len(orphans) > _ORPHANS * len(known):
        log.info("%d reports belong to studies that the split table does not name: left out", len(orphans))
        return
    yield from (Rejected(study_id, "report without image") for study_id in orphans)
