"""Studies from a manifest: a CSV or TSV file with one row per image."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from medxpert.data.columns import Columns
from medxpert.data.drafts import Draft, Drafts
from medxpert.data.labels import merged
from medxpert.data.prompts import prompt
from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import Row, RowError, rows, said
from medxpert.data.trees import folder
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import ImageFile
from medxpert.ontology import NEGATIVE
from medxpert.privacy import checked
from medxpert.text import split_sections
from medxpert.words import SPLITS, Policy, Rejected, Study

log = logging.getLogger(__name__)


@source
def read(
    split: str,
    manifest: str,
    images: str | None = None,
    prompts: bool = False,
    policy: Policy = "private",
    seed: int = 0,
) -> Iterator[Study | Rejected]:
    """Read the studies of one split, in the manifest's order.

    Columns, under the names that columns.json lists: image; findings and impression, or a report that is divided at its
    headings; study_id (rows
    that share it are one study with several images; without it each image is a study), patient_id, view,
    split; and labels. These are either columns named like the 14 observations, holding 1, 0, -1 or nothing,
    or one column of positive names joined by "|", where a name that stands anywhere in the column but not in
    the row is 0 (names that the data set never uses stay unmentioned).

    A row that cannot be used is reported with its own split, or with train when it tells none.

    Args:
        split: one of `SPLITS`.
        manifest: the file, optionally gzipped.
        images: the folder that image paths start from; the manifest's own by default.
        prompts: write each study's text from its labels, whatever reports there are.
        policy: what may leave the machine.
        seed: chooses the patient-disjoint 80/10/10 split that is made when there is no split column. It is
            not the training seed: runs with different seeds must share a test set.

    Raises:
        ConfigError: the manifest does not exist, or its columns need another `prompts`.
        DataError: the manifest is broken or lacks a column.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    known_policy = checked(policy, "data.policy")
    path = Path(manifest)
    table = rows(path, "data.manifest")
    header = next(table, None)
    if header is None:
        raise DataError(f"{path}: expected a header, found an empty file")
    columns = Columns.of(header.cells, path)
    columns.require_text(prompts, path)
    survey = _Survey(path, columns, split, seed)
    for row in table:
        survey.add(row)
    survey.finish()
    root = path.parent if images is None else folder(images, "data.images")
    return (_study(item, survey, root, prompts, known_policy) for item in survey.items)


class _Survey:
    """Reads all rows, keeps the studies of one split, and learns what only the whole file can tell."""

    def __init__(self, path: Path, columns: Columns, split: str, seed: int) -> None:
        self.path, self.columns, self.split, self.seed = path, columns, split, seed
        self._drafts = Drafts()
        self.joined_names: dict[str, int] = {}
        """Every name in the column of joined labels -> 0."""
        self._owner_of: dict[str, str] = {}
        """Study -> its patient, or itself where no patient is known."""
        self._splits: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, row: Row) -> None:
        split = "train"
        try:
            if len(row.cells) != len(self.columns.header):
                expected = f"expected {len(self.columns.header)} cells, found {len(row.cells)}"
                raise RowError("wrong number of columns", expected)
            study_id = self.columns.cell(row, "study") or self.columns.cell(row, "image")
            patient_id = self.columns.cell(row, "patient")
            owner = self._owner_of.setdefault(study_id, patient_id or study_id)
            split = self._split(row, owner)
            draft = self._draft(row, study_id, patient_id)
            self._splits[owner].add(split)
            self.joined_names |= dict.fromkeys(self.columns.joined(row), NEGATIVE)
            if split == self.split:
                self._drafts.add(draft)
        except RowError as error:
            if split == self.split:
                self._drafts.reject(f"{self.path.name}:{row.line}", error)

    @property
    def items(self) -> list[Draft | Rejected]:
        """Studies in the order of their first rows, among what was rejected."""
        return self._drafts.items

    def finish(self) -> None:
        if "split" not in self.columns.places:
            count = Counter(split for splits in self._splits.values() for split in splits)
            unit = "patients" if "patient" in self.columns.places else "studies (no patient column)"
            told = "%s has no split column: %s holds %d of %d %s by a hash (data.seed=%d)"
            log.info(told, self.path, self.split, count[self.split], count.total(), unit, self.seed)

    def _split(self, row: Row, patient_id: str) -> str:
        if "split" not in self.columns.places:
            return assign(patient_id, self.seed)
        return self.columns.split(row)

    def _draft(self, row: Row, study_id: str, patient_id: str) -> Draft:
        cell = self.columns.cell
        image = cell(row, "image")
        if not image:
            raise RowError("no image")
        findings, impression = said(cell(row, "findings")), said(cell(row, "impression"))
        if not findings and not impression:
            sections = split_sections(cell(row, "report"))
            findings, impression = said(sections.get("findings", "")), said(sections.get("impression", ""))
        labels, view = self.columns.statuses(row), self.columns.view(row)
        return Draft(study_id, patient_id, {image: view}, findings, impression, labels, row.line)


def _study(item: Draft | Rejected, survey: _Survey, root: Path, prompts: bool, policy: Policy) -> Study | Rejected:
    if isinstance(item, Rejected):
        return item
    labels = survey.joined_names | item.labels if item.labels else {}
    findings, impression = ("", prompt(labels, item.study_id)) if prompts else (item.findings, item.impression)
    if not findings and not impression:
        reason = "no label to write a prompt from" if prompts else "empty report"
        return Rejected(f"{survey.path.name}:{item.line}", reason)
    return Study(
        study_id=item.study_id,
        patient_id=item.patient_id,
        images=tuple(ImageFile(root / image, view) for image, view in item.images.items()),
        findings=findings,
        impression=impression,
        labels=merged(labels),
        split=survey.split,
        source=survey.path.name.split(".")[0],
        policy=policy,
        text_kind="prompt" if prompts else "report",
    )
