"""What was found, as rows of a file."""

import csv
import io

from medxpert.app.searching.table import COLUMNS, csv_of, rows
from medxpert.cases import Cases
from medxpert.words import Hit


def test_csv_is_safe_in_a_spreadsheet_and_names_patients_of_open_cases_only(tmp_path):
    cases = Cases.of({"study_id": ["=1+1", "s2"], "policy": ["open", "private"], "view": ["PA", "AP"]}, tmp_path)
    hits = [
        Hit(1, 0.51239, "=1+1", "p1", '@x,\n"y"', {"Edema": 1, "Fracture": -1}, 0),
        Hit(2, 0.4, "s2", "p2", "t", {}, 1),
    ]
    told = list(csv.DictReader(io.StringIO(csv_of(rows(hits, cases, {"s2": 3}), "private"))))
    assert list(told[0]) == list(COLUMNS)
    assert [one["patient_id"] for one in told] == ["p1", ""]
    assert (told[0]["study_id"], told[0]["text"]) == ("'=1+1", '\'@x, "y"')
    assert (told[0]["score"], told[0]["labels"], told[0]["uncertain"]) == ("0.5124", "Edema", "Fracture")
    assert (told[1]["studies"], told[1]["view"], told[1]["policy"]) == ("3", "AP", "private")
