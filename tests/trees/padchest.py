"""PadChest as published: one gzipped table, 16-bit PNGs in folders 0 to 54, with everything that goes wrong."""

import csv
import gzip
from dataclasses import dataclass, replace
from pathlib import Path

from trees.phantoms import State, phantoms, pixels, write
from trees.tally import Tally, ids
from trees.tree import Tree

from medxpert.words import Study

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
WANTED = {"train": 40, "val": 7, "test": 7}
HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,"
    "MethodProjection,Pediatric,ReportID,Report,MethodLabel,Labels,Localizations,LabelsLocalizationsBySentence,"
    "labelCUIS,LocalizationsCUIS"
)
NORMAL = "sin hallazgos patologicos agudos ."


@dataclass(frozen=True)
class Film:
    """One row of the table."""

    projection: str = "PA"
    position: str = "POSTEROANTERIOR"
    view: str = "PA"
    state: State = "whole"


@dataclass(frozen=True)
class Case:
    """One study."""

    number: int
    patient_id: str
    split: str
    study: Study
    report: str
    labels: str = "['cardiomegaly', ' pleural effusion']"
    films: tuple[Film, ...] = (Film(), Film("L", "LL", "LATERAL"))
    reasons: tuple[str, ...] = ()
    is_kept: bool = True

    @property
    def study_id(self) -> str:
        """The study's own number, as long as the real ones."""
        return f"2168405{self.number:06d}"

    def image(self, place: int) -> str:
        """Return an image id."""
        return f"{self.study_id}_{place:06d}.png"


def cases() -> list[Case]:
    """Return all studies in the table's order."""
    names = ids("8408684176{:03d}", WANTED)
    owners = [(name, split) for split, own in names.items() for name in own]
    drawn = phantoms(len(owners))
    plain = [
        Case(number, name, split, study, f"silueta cardiaca {number} aumentada de tamano .")
        for number, ((name, split), study) in enumerate(zip(owners, drawn, strict=True))
    ]
    rib, frontal = Film("COSTAL", "AP", ""), Film()
    plain[:12] = [
        replace(plain[0], report=NORMAL, labels="['normal']"),
        replace(plain[1], labels="['unchanged']"),
        replace(plain[2], labels="['scoliosis', 'NSG tube']"),
        replace(plain[3], labels=""),
        replace(plain[4], report="", reasons=("empty report",), is_kept=False),
        replace(plain[5], labels="['exclude']", reasons=("excluded by the data set",) * 2, is_kept=False),
        replace(plain[6], labels="cardiomegaly", reasons=("broken label",) * 2, is_kept=False),
        replace(plain[7], films=(rib, frontal), reasons=("not a chest projection",)),
        replace(plain[8], films=(Film("EXCLUDE"),), reasons=("not a chest projection",), is_kept=False),
        replace(plain[9], films=(Film(state="missing"), Film("AP_horizontal", "", "AP"))),
        replace(plain[10], films=(Film(state="broken"),)),
        replace(plain[11], films=(Film("", "LL", "LATERAL"), Film("", "", ""))),
    ]
    plain[13] = replace(plain[13], patient_id=plain[12].patient_id)
    plain[-1] = replace(plain[-1], report=plain[-2].report)
    return plain


def build(root: Path, flat: bool = False) -> Tree:
    """Build the data set in an empty folder.

    Args:
        root: the folder.
        flat: put all pictures into one folder.
    """
    tally = Tally()
    rows = []
    for case in cases():
        folder = str(case.number % 3)
        for place, film in enumerate(case.films):
            path = root / case.image(place) if flat else root / folder / case.image(place)
            write(path, pixels(case.study, place), film.state, "I;16")
            rows.append(_row(case, place, folder, film))
        for reason in case.reasons:
            tally.reject(reason)
        if case.is_kept:
            films = [film for film in case.films if film.projection not in ("COSTAL", "EXCLUDE")]
            tally.study(case.split, case.study_id, case.patient_id, [film.state for film in films])
    other = replace(cases()[20], report="otro informe .")
    rows += [_row(other, 7, "0", Film()), _row(cases()[21], 0, "0", Film()), ["1", "short.png"]]
    for reason in ("findings differs within a study", "image listed twice", "wrong number of columns"):
        tally.reject(reason)
    with gzip.open(root / f"{TABLE}.gz", "wt", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER.split(","), *rows])
    return tally.tree({"data.root": root})


def _row(case: Case, place: int, folder: str, film: Film) -> list[str]:
    told = {
        "": str(case.number),
        "ImageID": case.image(place),
        "ImageDir": folder,
        "StudyID": case.study_id,
        "PatientID": case.patient_id,
        "ViewPosition_DICOM": film.position,
        "Projection": film.projection,
        "Report": case.report,
        "Labels": case.labels,
        "Localizations": "['loc cardiac']",
    }
    return [told.get(name, "") for name in HEADER.split(",")]
