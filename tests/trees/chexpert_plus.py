"""CheXpert Plus as Stanford lays it out, with everything that goes wrong in copies."""

import csv
import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trees.chexpert import NUM, Case, Film, cases, counts, faults, ids, of_split, write_pictures
from trees.tree import Tree

from medxpert.ontology import OBSERVATIONS

NAME = "df_chexpert_plus_240401.csv"
COLUMNS = [
    *("path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "deid_patient_id", "patient_report_date_order"),
    *("report", "section_narrative", "section_clinical_history", "section_findings", "section_impression"),
    *("section_summary", "age", "sex", "race", "split"),
]
PARTS = {"train": "train", "val": "train", "test": "valid"}


@dataclass(frozen=True)
class Text:
    """What the table holds of a report, and what the reader must make of it."""

    section_findings: str
    section_impression: str
    report: str
    findings: str
    impression: str


def planned_cases(same_image: bool = False, shared_patient: bool = False) -> list[Case]:
    """Plan the studies: those of CheXpert, the labels of one of them unknown, two reports empty."""
    planned = cases(same_image, shared_patient)
    train, val = of_split(planned, "train"), of_split(planned, "val")
    train[3].reason = ""
    train[10].reason = val[2].reason = "empty report"
    return planned


def text_of(case: Case) -> Text:
    """Return the texts of a study: findings in a quarter of the rows, both sections empty in a few."""
    findings, impression = case.findings, case.impression
    report = f"NARRATIVE:\nChest: 1 view.\n\nFINDINGS:\n{findings}\n\nIMPRESSION:\n1. {impression}\n"
    if case.reason:
        return Text("", "nan", "", "", "")
    if case.number % 10 == 7:
        return Text("", "", report, findings, impression)
    if case.number % 4 == 0:
        return Text(findings.replace(". ", ".\n"), f"\n{impression}\n", report, findings, impression)
    return Text("", f"{impression}\n", report, "", impression)


def build(
    root: Path,
    ending: str = ".png",
    gzipped: bool = False,
    labelled: bool = True,
    shuffled: int = 0,
    same_image: bool = False,
    shared_patient: bool = False,
) -> Tree:
    """Write the data set.

    Args:
        root: an empty folder.
        ending: of the pictures in images/; the table says .jpg.
        gzipped: the table is a gzip.
        labelled: with the CheXbert labels of the reports and of the impressions; the latter say Edema of all.
        shuffled: seed of the order of the columns.
        same_image: a training picture is a test picture, too.
        shared_patient: a training patient is a test patient, too.
    """
    planned = planned_cases(same_image, shared_patient)
    for case in planned:
        write_pictures(root / "images" / PARTS[case.split], case, ending)
    _write_table(root / "text", planned, gzipped, shuffled)
    if labelled:
        _write_labels(root / "text" / "chexbert_labels", planned)
    splits = {split: of_split(planned, split) for split in NUM}
    rejected = faults(splits) + Counter({"wrong number of columns": 1, "broken path": 1, "unknown split": 1})
    rejected += Counter({"image listed twice": 1, "findings differs within a study": 1})
    rejected += Counter({"broken label": 3} if labelled else {})
    arguments = {"data.root": str(root / "text"), "data.images": str(root / "images")}
    return Tree(arguments, counts(splits), dict(rejected), ids(splits))


def path_of(case: Case, film: Film) -> str:
    """Return how the table names an image."""
    return f"{PARTS[case.split]}/{case.patient_id}/{case.study}/{film.name}.jpg"


def _write_table(folder: Path, planned: Sequence[Case], gzipped: bool, shuffled: int) -> None:
    records = [_record(case, film) for case in planned for film in case.films]
    first = records[0]
    records.append(first | {"path_to_image": "train/view1_frontal.jpg"})
    records.append(first | {"split": "holdout"})
    records.append(first)
    records.append(
        first | {"path_to_image": first["path_to_image"].replace("view1", "view5"), "section_findings": "Else."}
    )
    header = random.Random(shuffled).sample(COLUMNS, len(COLUMNS))
    rows = [[record[name] for name in header] for record in records]
    rows.insert(4, ["cut off", "here"])
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    folder.mkdir(parents=True)
    data = text.getvalue().encode()
    (folder / f"{NAME}.gz" if gzipped else folder / NAME).write_bytes(gzip.compress(data) if gzipped else data)


def _record(case: Case, film: Film) -> dict[str, str]:
    text = text_of(case)
    known = {"path_to_image": path_of(case, film), "split": PARTS[case.split], "deid_patient_id": case.patient_id}
    known |= {"frontal_lateral": film.plane, "ap_pa": film.side, "age": "68", "sex": "Male"}
    known |= {"section_findings": text.section_findings, "section_impression": text.section_impression}
    return dict.fromkeys(COLUMNS, "") | known | {"report": text.report}


def _write_labels(folder: Path, planned: Sequence[Case]) -> None:
    folder.mkdir()
    for name in ("report", "impression"):
        lines = [
            json.dumps(
                {"path_to_image": path_of(case, film)} | _cells({"Edema": -1} if name == "impression" else case.labels)
            )
            for case in planned
            for film in case.films
        ]
        bad = [lines[0][:-30], json.dumps({"Edema": 1.0}), lines[0].replace("null", '"maybe"', 1)]
        (folder / f"{name}_fixed.json").write_text("\n".join([*lines, *bad]) + "\n")


def _cells(labels: dict[str, int]) -> dict[str, float | None]:
    return {name: float(labels[name]) if name in labels else None for name in OBSERVATIONS}
