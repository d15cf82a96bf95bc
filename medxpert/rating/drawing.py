"""Draws the cases of a reader study from a run: their pictures, and what each source says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import PIL.Image

from medxpert.assistant import Assistant, Shown
from medxpert.cases import Cases
from medxpert.errors import DataError
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, load_whole
from medxpert.indexes.filter import Filter
from medxpert.indexes.gallery import TRAIN
from medxpert.rating.design import ASSISTANT, CAPTION, NEAREST, REFERENCE, Candidates, Plan, candidates, quotas
from medxpert.rating.shaping import Text, of_plain, of_report, shaped
from medxpert.run import Run
from medxpert.words import Image, Reader, Study

SIDE_PX = 1536
"""Longest side of the pictures that are kept."""
_SPARE = 2
"""How many candidates are read for each case: some are left out."""
_FRONTAL = ("PA", "AP")


@dataclass(frozen=True)
class Drawn:
    """One case.

    Attributes:
        number: from 1.
        study_id, patient_id: in the run.
        abnormal: whether its labels say so.
        picture: name of its PNG.
        is_original: whether the picture was read from the data set, not from a thumbnail.
        texts: source -> what it says.
        nearest: the training study with the most similar image.
    """

    number: int
    study_id: str
    patient_id: str
    abnormal: bool
    picture: str
    is_original: bool
    texts: Mapping[str, Text] = field(default_factory=dict)
    nearest: str = ""


class Draw(NamedTuple):
    """All cases, and what has to be said of how they were drawn."""

    cases: tuple[Drawn, ...]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """Draws cases from one run.

    Attributes:
        run: that they come from.
        assistant: of that run; drafts reports under the run's own policy.
        reader: of the data that the run was made with, for whole reports and full pictures; without one, reports are
            the section that the run embedded, pictures its thumbnails.
        say: is told in a few words what is done next.
    """

    run: Run
    assistant: Assistant
    reader: Reader | None = None
    say: Callable[[str], None] = lambda stage: None

    def draw(self, plan: Plan, folder: Path) -> Draw:
        """Draw the cases and write their pictures into an existing folder.

        A case on which the assistant abstains, or of which a source says nothing, is left out; the next patient of its
        kind takes its place.

        Raises:
            ConfigError: the run has no such split, or a source that nobody can give.
            DataError: there are too few patients whose cases can be used.
        """
        cases = self.run.embeddings(plan.split).cases
        offered = candidates(cases, plan.seed)
        wanted = quotas(plan, offered)
        self.say("reading studies of the data set")
        originals = self._studies(plan.split, _likely(offered, wanted, cases))
        left_out: Counter[str] = Counter()
        found: list[Drawn] = []
        for rows, quota in zip(offered, wanted, strict=True):
            made = self._made(plan, cases, rows, originals, folder, left_out)
            taken = list(islice(made, quota))
            if len(taken) < quota:
                raise DataError(f"split {plan.split} gives {len(taken)} usable cases of {quota}; {_said(left_out)}")
            found += taken
        self.say("reading the reports of similar studies")
        numbered = [replace(one, number=number) for number, one in enumerate(self._whole(plan, found), start=1)]
        return Draw(tuple(self._renamed(one, folder) for one in numbered), tuple(_told(numbered, left_out)))

    def _made(
        self,
        plan: Plan,
        cases: Cases,
        rows: Sequence[int],
        originals: Mapping[str, Study],
        folder: Path,
        left_out: Counter[str],
    ) -> Iterator[Drawn]:
        for row in rows:
            study = originals.get(cases.study_ids[row])
            path = folder / f"row_{row}.png"
            try:
                _keep(_frontal(study) if study else ImageBytes(cases.thumbnail(row)), path)
                texts, nearest = self._texts(plan, cases, row, study, path)
            except ImageError:
                left_out["the image cannot be read"] += 1
                path.unlink(missing_ok=True)
                continue
            silent = sorted(set(plan.sources) - set(shaped(texts)))
            if silent:
                left_out[f"nothing by {silent[0]}"] += 1
                path.unlink(missing_ok=True)
                continue
            yield Drawn(
                0,
                cases.study_ids[row],
                cases.patient_ids[row],
                bool(cases.abnormal[row]),
                path.name,
                study is not None,
                texts,
                nearest,
            )

    def _texts(
        self, plan: Plan, cases: Cases, row: int, study: Study | None, path: Path
    ) -> tuple[dict[str, Text], str]:
        self.say(f"writing reports on {cases.study_ids[row]}")
        patient = cases.patient_ids[row] or None
        shown = Shown(1, "image", Filter(split=TRAIN, exclude_patient=patient))
        answer = self.assistant.under(self.run.policy).ask_image(path, shown)
        near = [hit.row for hit in answer.hits]
        gallery = self.assistant.gallery.cases
        found = gallery.study_ids[near[0]] if near else ""
        told = {
            REFERENCE: _own(cases, row, study),
            ASSISTANT: of_report(answer.report),
            NEAREST: _own(gallery, near[0], None) if near else Text("", ""),
            CAPTION: Text(answer.report.caption, ""),
        }
        return {name: told[name] for name in plan.sources}, found

    def _whole(self, plan: Plan, found: Sequence[Drawn]) -> Iterator[Drawn]:
        """Give whole reports in place of the sections that the run embedded of similar studies."""
        near = self._studies(TRAIN, {one.nearest for one in found} if NEAREST in plan.sources else ())
        for one in found:
            study = near.get(one.nearest)
            whole = Text(study.findings, study.impression) if study and study.text_kind == "report" else Text("", "")
            yield replace(one, texts={**one.texts, NEAREST: whole}) if any(whole) else one

    def _studies(self, split: str, study_ids: Iterable[str]) -> dict[str, Study]:
        """Read some studies of a split, no further than needed."""
        wanted, found = set(study_ids), dict[str, Study]()
        if self.reader is None or not wanted:
            return found
        for item in self.reader(split):
            if isinstance(item, Study) and item.study_id in wanted:
                found[item.study_id] = item
                if len(found) == len(wanted):
                    break
        return found

    def _renamed(self, one: Drawn, folder: Path) -> Drawn:
        """Name a picture by the number of its case, which says nothing of the patient."""
        name = f"case_{one.number:03d}.png"
        (folder / one.picture).rename(folder / name)
        return replace(one, picture=name)


def _likely(offered: Candidates, wanted: Sequence[int], cases: Cases) -> list[str]:
    rows = [row for kind, quota in zip(offered, wanted, strict=True) for row in kind[: _SPARE * quota + _SPARE]]
    return [cases.study_ids[row] for row in rows]


def _frontal(study: Study) -> Image:
    return next((one for one in study.images if one.view in _FRONTAL), study.images[0])


def _keep(image: Image, path: Path) -> None:
    PIL.Image.fromarray(load_whole(image, SIDE_PX)).save(path)


def _own(cases: Cases, row: int, study: Study | None) -> Text:
    """Return a study's own report, whole where the data set is at hand, else the section that the run embedded."""
    if study is not None and study.text_kind == "report" and (study.findings or study.impression):
        return Text(study.findings, study.impression)
    text = cases.texts[row]
    return Text("", text) if cases.column("section")[row] == "impression" else of_plain(text)


def _told(cases: Sequence[Drawn], left_out: Counter[str]) -> Iterator[str]:
    small = sum(not one.is_original for one in cases)
    if small:
        yield f"{small} of {len(cases)} pictures are the run's thumbnails: their originals were not at hand"
    if left_out:
        yield _said(left_out)


def _said(left_out: Counter[str]) -> str:
    told = ", ".join(f"{count} ({reason})" for reason, count in left_out.most_common())
    return f"left out and replaced by other patients: {told or 'none'}"
