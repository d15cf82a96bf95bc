"""A hospital's export: DICOMs at any depth, some without an ending, and a table of reports; with everything wrong."""

import csv
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from trees import dicoms
from trees.phantoms import phantoms, pixels
from trees.tally import Tally, ids
from trees.tree import Tree

from medxpert.words import Study

WANTED = {"train": 38, "val": 7, "test": 7}


@dataclass(frozen=True)
class Film:
    """One DICOM."""

    view: str = "PA"
    modality: str | None = "DX"
    state: dicoms.State = "whole"


@dataclass(frozen=True)
class Case:
    """One examination."""

    number: int
    patient_id: str
    split: str
    study: Study
    findings: str
    impression: str
    films: tuple[Film, ...] = (Film(), Film("LATERAL"))
    reason: str = ""
    in_table: bool = True

    @property
    def uid(self) -> str:
        """StudyInstanceUID."""
        return f"1.2.826.0.1.{self.number}"

    def path(self, root: Path, place: int) -> Path:
        """Return a film's file: every third examination lies deeper, without endings."""
        name = f"IM{place}" if self.number % 3 == 0 else f"{self.number}-{place}.dcm"
        return root / f"P{self.number:03d}" / ("S1/SER2" if self.number % 3 == 0 else "") / name


def hidden(value: str) -> str:
    """Return what stands for an id."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def cases() -> list[Case]:
    """Return all examinations in the order of their paths."""
    names = ids("P-{:05d}", WANTED)
    owners = sorted((name, split) for split, own in names.items() for name in own)
    drawn = phantoms(len(owners))
    plain = [
        Case(number, name, split, study, study.findings, study.impression)
        for number, ((name, split), study) in enumerate(zip(owners, drawn, strict=True))
    ]
    train = [case for case in plain if case.split == "train"]
    changed = [
        replace(train[0], findings="", impression="No acute process."),
        replace(train[1], findings="nan", impression="", reason="empty report"),
        replace(train[2], in_table=False, reason="image without report"),
        replace(train[3], films=(Film("AP", "CR"), Film("", "SR", "pixelless"), Film("", "CT"))),
        replace(train[4], films=(Film("", None), Film(state="broken"))),
        replace(train[5], films=(Film(state="pixelless"),)),
        replace(train[6], patient_id=train[7].patient_id),
    ]
    new = {case.number: case for case in changed}
    return [new.get(case.number, case) for case in plain]


def build(root: Path, key: str = "study") -> Tree:
    """Build an export in an empty folder.

    Args:
        root: the folder.
        key: what the table names studies by: "study", "accession", "image" or "patient" (then the patient with two
            studies has one).
    """
    tally = Tally(dicoms.REASONS)
    known = cases()
    if key == "patient":
        known = list({case.patient_id: case for case in reversed(known)}.values())[::-1]
    images = root / "export"
    rows = []
    for case in known:
        for place, film in enumerate(case.films):
            header = {"StudyInstanceUID": case.uid, "PatientID": case.patient_id, "Modality": film.modality}
            header |= {"ViewPosition": film.view, "AccessionNumber": f"A{case.number}"}
            dicoms.write(case.path(images, place), pixels(case.study, place), film.state, **header)
        films = [film for film in case.films if film.modality not in ("SR", "CT")]
        tally.reject("not a radiograph", len(case.films) - len(films))
        if case.reason:
            tally.reject(case.reason)
        else:
            states = [film.state for film in films]
            tally.study(case.split, hidden(case.uid), hidden(case.patient_id), states)
        if case.in_table:
            file = case.path(images, 0).relative_to(images).as_posix()
            name = {"study": case.uid, "accession": f"A{case.number}", "image": file, "patient": case.patient_id}[key]
            rows.append([name, case.findings, case.impression])
    _disturb(images, rows, tally)
    columns = {"study": "Study Instance UID", "accession": "Accession", "image": "filename", "patient": "PatientID"}
    with (root / "reports.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[columns[key], "Findings", "Impression"], *rows])
    tree = tally.tree({"data.images": images, "data.reports": root / "reports.csv"})
    return tree._replace(rejected={reason: count for reason, count in tree.rejected.items() if count})


def _disturb(images: Path, rows: list[list[str]], tally: Tally) -> None:
    rows += [["nobody", "Clear.", ""], ["", "Clear.", ""], ["short"]]
    for reason in ("report without image", "report without a study", "wrong number of columns"):
        tally.reject(reason)
    (images / "broken.dcm").write_bytes(b"no DICOM at all")
    (images / "empty.dcm").touch()
    (images / "README.txt").write_text("ignored")
    (images / "VERSION").write_text("ignored")
    (images / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    tally.reject("image empty")
    tally.reject("not a radiograph")
