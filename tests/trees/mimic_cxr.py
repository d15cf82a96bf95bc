"""MIMIC-CXR-JPG and the reports of MIMIC-CXR as PhysioNet lays them out, with everything that goes wrong in copies."""

import csv
import gzip
import hashlib
import io
import textwrap
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trees.phantoms import REASONS, State, phantoms, pixels, write
from trees.tree import Tree

from medxpert.ontology import OBSERVATIONS

NUM_TRAIN, NUM_VAL, NUM_TEST = 44, 9, 9
_SPLITS = {"train": "train", "val": "validate", "test": "test"}
_METADATA = [
    *("dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns"),
    *("StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning", "ViewCodeSequence_CodeMeaning"),
    "PatientOrientationCodeSequence_CodeMeaning",
]
ORPHAN = "59999999"
UNSPLIT = "58888888"


@dataclass
class Film:
    """One image: what the tables say about it, and how its file is."""

    dicom_id: str
    position: str = "PA"
    code: str = ""
    procedure: str = "CHEST (PA AND LAT)"
    view: str = "PA"
    """What the reader must make of the three."""
    state: State = "whole"
    in_metadata: bool = True


@dataclass
class Case:
    """One study."""

    number: int
    study_id: str
    patient_id: str
    split: str
    findings: str
    impression: str
    labels: Mapping[str, int]
    films: list[Film]
    report: bytes | None = None
    reason: str = ""
    """Why the reader rejects it."""
    has_label_row: bool = True
    copies: dict[str, int] = field(default_factory=dict)
    """dicom id -> the phantom whose picture it shows."""


def report(findings: str, impression: str) -> str:
    """Lay a report out as MIMIC-CXR does."""
    sections = {"EXAMINATION": "CHEST (PA AND LAT)", "INDICATION": "___ with cough.", "COMPARISON": "___."}
    sections |= {"FINDINGS": findings, "IMPRESSION": impression}
    blocks = [f" {name}: \n \n{_wrapped(text)}\n \n" for name, text in sections.items()]
    return " " * 33 + "FINAL REPORT\n" + "".join(blocks)


def cases(same_image: bool = False, shared_patient: bool = False) -> list[Case]:
    """Plan the studies; `build` writes them."""
    drawn = phantoms(NUM_TRAIN + NUM_VAL + NUM_TEST)
    planned = [
        _case(number, study.findings, study.impression, dict(study.labels)) for number, study in enumerate(drawn)
    ]
    _spoil_train(planned[:NUM_TRAIN])
    val, test = planned[NUM_TRAIN : NUM_TRAIN + NUM_VAL], planned[NUM_TRAIN + NUM_VAL :]
    val[0].films += _films(val[0], ("LATERAL", "LATERAL"))
    val[1].report, val[1].reason = None, "report missing"
    val[2].films[0].state = "broken"
    test[0].films += _films(test[0], ("LL", "LATERAL"))
    test[1].films[0].state = "missing"
    test[2].has_label_row = False
    if same_image:
        test[3].copies[test[3].films[0].dicom_id] = planned[20].number
    if shared_patient:
        test[4].patient_id = planned[21].patient_id
    return planned


def build(
    root: Path,
    zipped: bool = False,
    gzipped: bool = True,
    ending: str = ".jpg",
    version: str = "",
    tables_with: str = "images",
    same_image: bool = False,
    shared_patient: bool = False,
) -> Tree:
    """Write the data set.

    Args:
        root: an empty folder.
        zipped: the reports are mimic-cxr-reports.zip.
        gzipped: the tables are .csv.gz.
        ending: of the pictures.
        version: folders above files/, such as files/mimic-cxr-jpg/2.1.0.
        tables_with: "images", or "reports" for resized copies that come without them.
        same_image: a training picture is a test picture, too.
        shared_patient: a training patient is a test patient, too.
    """
    planned = cases(same_image, shared_patient)
    images, reports = root / "jpg" / version, root / "reports"
    for case in planned:
        for number, film in enumerate(case.films):
            source = phantoms(len(planned))[case.copies.get(film.dicom_id, case.number)]
            write(images / _folder(case) / f"{film.dicom_id}{ending}", pixels(source, number), film.state)
    _write_reports(root, reports, planned, zipped)
    _write_tables(images if tables_with == "images" else root / "reports", planned, gzipped)
    arguments = {
        "data.images": str(root / "jpg"),
        "data.reports": str(root / "mimic-cxr-reports.zip" if zipped else reports),
    }
    return Tree(arguments, _counts(planned), _rejected(planned), _ids(planned))


def _case(number: int, findings: str, impression: str, labels: dict[str, int]) -> Case:
    splits = ["train"] * NUM_TRAIN + ["val"] * NUM_VAL + ["test"] * NUM_TEST
    # every second train patient has two studies
    owner = number - 1 if number < NUM_TRAIN and number % 4 == 3 else number
    patient_id = str(10_000_032 + 161_803 * owner)
    case = Case(number, str(50_414_267 + 7 * number), patient_id, splits[number], findings, impression, labels, [])
    case.films = _films(case, ("PA", "PA"))
    case.report = report(findings, impression).encode()
    return case


def _films(case: Case, *views: tuple[str, str]) -> list[Film]:
    return [Film(_dicom_id(case, len(case.films) + n), said, view=view) for n, (said, view) in enumerate(views)]


def _dicom_id(case: Case, number: int) -> str:
    digest = hashlib.sha256(f"{case.study_id} {number}".encode()).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


def _spoil_train(train: Sequence[Case]) -> None:
    train[0].films += _films(train[0], ("LATERAL", "LATERAL"))
    train[1].films += _films(train[1], ("", ""), ("LL", "LATERAL"))
    train[1].films[0].position, train[1].films[0].view = "AP", "AP"
    train[2].report, train[2].reason = None, "report missing"
    train[4].films[0].state = "missing"
    train[5].films += _films(train[5], ("LATERAL", "LATERAL"))
    train[5].films[1].state = "missing"
    train[6].films[0].state = "broken"
    train[8].films += _films(train[8], ("LATERAL", "LATERAL"))
    train[8].films[0].state = "broken"
    train[9].report, train[9].reason = b" \n \n", "empty report"
    train[10].report = report("Aortic calcification, 40\u00b0 tilt.", "Unchanged.").encode("latin-1")
    train[10].findings, train[10].impression = "Aortic calcification, 40\u00b0 tilt.", "Unchanged."
    train[12].report = b" ADDENDUM  The lateral film was added.\n ____________________\n" + (train[12].report or b"")
    train[13].films[0] = Film(train[13].films[0].dicom_id, "", procedure="CHEST (PORTABLE AP)", view="AP")
    train[14].films[0] = Film(train[14].films[0].dicom_id, "", procedure="CHEST (PA AND LAT)", view="")
    train[16].films[0] = Film(train[16].films[0].dicom_id, "", "antero-posterior", view="AP")
    train[17].films[0] = Film(train[17].films[0].dicom_id, "AP AXIAL", view="AP")
    train[18].has_label_row = False
    train[20].films[0] = Film(train[20].films[0].dicom_id, "LAO", "antero-posterior", view="")
    train[22].labels = {}
    train[24].films[0].in_metadata, train[24].films[0].view = False, ""
    train[25].report = b" FINAL REPORT\n CHEST, TWO VIEWS.\n\n The lungs are clear.\n"
    train[25].findings, train[25].impression = "The lungs are clear.", ""
    train[26].report, train[26].reason = report("___", "nan").encode(), "empty report"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 79, initial_indent=" ", subsequent_indent=" ")


def _folder(case: Case) -> str:
    return f"files/p{case.patient_id[:2]}/p{case.patient_id}/s{case.study_id}"


def _write_reports(root: Path, folder: Path, planned: Sequence[Case], zipped: bool) -> None:
    texts = {f"{_folder(case)}.txt": case.report for case in planned if case.report is not None}
    texts[f"files/p19/p19999999/s{ORPHAN}.txt"] = report("Clear.", "Normal.").encode()
    if zipped:
        with zipfile.ZipFile(root / "mimic-cxr-reports.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
        return
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


def _write_tables(folder: Path, planned: Sequence[Case], gzipped: bool) -> None:
    films = [(case, film) for case in planned for film in case.films]
    split = [[film.dicom_id, case.study_id, case.patient_id, _SPLITS[case.split]] for case, film in films]
    split.insert(5, ["cut-off", "50000001"])
    split.insert(9, ["held-out", UNSPLIT, "18888888", "holdout"])
    metadata = [_metadata(case, film) for case, film in films if film.in_metadata]
    metadata.insert(7, ["cut-off", "10000032"])
    tables = {
        "mimic-cxr-2.0.0-split": (["dicom_id", "study_id", "subject_id", "split"], split),
        "mimic-cxr-2.0.0-metadata": (_METADATA, metadata),
        "mimic-cxr-2.0.0-chexpert": _labels(planned, 0),
        "mimic-cxr-2.0.0-negbio": _labels(planned, 1),
        "mimic-cxr-2.1.0-test-set-labeled": _radiologists(planned),
    }
    for name, (header, rows) in tables.items():
        write_table(folder, name, header, rows, gzipped and "test-set" not in name)


def write_table(folder: Path, name: str, header: Sequence[str], rows: Sequence[Sequence[str]], gzipped: bool) -> None:
    """Write a CSV file, or its gzip."""
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    data = text.getvalue().encode()
    path = folder / (f"{name}.csv.gz" if gzipped else f"{name}.csv")
    path.write_bytes(gzip.compress(data) if gzipped else data)


def _metadata(case: Case, film: Film) -> list[str]:
    known = {"dicom_id": film.dicom_id, "subject_id": case.patient_id, "study_id": case.study_id}
    known |= {"ViewPosition": film.position, "PerformedProcedureStepDescription": film.procedure}
    known |= {"ViewCodeSequence_CodeMeaning": film.code, "Rows": "2544", "Columns": "3056"}
    return [known.get(name, "") for name in _METADATA]


def _labels(planned: Sequence[Case], turn: int) -> tuple[list[str], list[list[str]]]:
    """Return a labeler's table; `turn` makes the second labeler disagree: what the first calls 1 it calls -1."""
    names = sorted(OBSERVATIONS)
    rows = [
        [case.patient_id, case.study_id, *(_cell(case.labels.get(name), turn) for name in names)]
        for case in planned
        if case.has_label_row
    ]
    broken = next(row for row in rows if row[1] == planned[28].study_id)
    broken[2] = "positive"
    rows.insert(3, ["10000032", "cut-off"])
    return ["subject_id", "study_id", *names], rows


def _cell(value: int | None, turn: int) -> str:
    return "" if value is None else f"{-1 if turn and value == 1 else value}.0"


def _radiologists(planned: Sequence[Case]) -> tuple[list[str], list[list[str]]]:
    """Return the radiologists' table: Lung Opacity is 1 in each test study but the last, which is not in it."""
    names = ["Airspace Opacity", "Edema", "Support Devices"]
    test = [case for case in planned if case.split == "test"]
    return ["study_id", *names], [[case.study_id, "1.0", "", "-1.0"] for case in test[:-1]]


def _counts(planned: Sequence[Case]) -> dict[str, tuple[int, int, int | None]]:
    counts: dict[str, tuple[int, int, int | None]] = {}
    for split in _SPLITS:
        kept = [case for case in planned if case.split == split and not case.reason]
        films = [(case, film) for case in kept for film in case.films if film.state == "whole"]
        studies = {case.study_id for case, _ in films}
        counts[split] = (len(studies), len(films), len({case.patient_id for case, _ in films}))
    return counts


def _rejected(planned: Sequence[Case]) -> dict[str, int]:
    reasons = Counter(case.reason for case in planned if case.reason)
    reasons += Counter(REASONS[f.state] for c in planned if not c.reason for f in c.films if f.state != "whole")
    reasons += Counter({"wrong number of columns": 3, "unknown split": 1, "broken label": 1, "report without image": 1})
    return dict(reasons)


def _ids(planned: Sequence[Case]) -> dict[str, list[str]]:
    return {split: [c.study_id for c in planned if c.split == split and not c.reason] for split in _SPLITS}
