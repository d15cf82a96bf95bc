import copy
import json
from dataclasses import replace

import pytest
from documents.samples import ABSTAINED, FALLBACK, REPORT, speaking

from medxpert.documents.document import as_json, read
from medxpert.errors import DataError

REPORTS = [REPORT, FALLBACK, ABSTAINED, speaking("<b>\n\ud800\x00")]


def test_names_others_rely_on():
    values = as_json(REPORT)
    assert values["schema_version"] == "1.1"
    assert values["research_use_only"] is True
    assert (values["abstained"], values["abstain_reason"], values["fallback_reason"]) == (False, "", "")
    assert values["findings"][0] == {
        "observation": "Pleural Effusion", "status": "present", "laterality": "left", "severity": "moderate",
        "sentence": "Moderate left effusion.", "evidence": ["zero-shot", "s1", "s2"], "support": "supported",
    }  # fmt: skip
    assert values["impression"] == ["Moderate left effusion.", "Nodule. [unsupported]"]
    assert values["diagnoses"][0]["icd10"][2] == {
        "code": "J91", "description": "K", "billable": False, "needs": ["acute or chronic", "of what"],
    }  # fmt: skip
    assert values["caption"] == "A small effusion."
    change = values["changes"][2]
    assert list(change) == ["observation", "course", "probability", "courses", "before", "now"]
    assert (change["observation"], change["course"], change["probability"]) == ("Pleural Effusion", "worse", 0.61)
    assert change["courses"]["better"] == 0.1
    assert change["before"] == {
        "status": "present", "probability": 0.71, "laterality": "left", "severity": "mild",
        "scores": {"zero-shot": 0.6}, "cases": ["s2"], "contradictory": False,
        "sides": {"left": 0.9, "right": 0.06, "bilateral": 0.04},
        "severities": {"mild": 0.7, "moderate": 0.2, "severe": 0.1},
    }  # fmt: skip
    assert values["problems"][0]["action"] == "dropped"


def test_what_is_not_said_is_null():
    values = as_json(replace(REPORT, findings=(replace(REPORT.findings[3], support=None),)))["findings"][0]
    assert (values["laterality"], values["severity"], values["support"]) == (None, None, None)


def test_a_change_that_nobody_knows_is_null():
    change = as_json(REPORT)["changes"][1]
    assert (change["course"], change["probability"], change["courses"]) == (None, None, {})
    assert change["before"] | {"scores": {}} == {
        "status": None, "probability": None, "laterality": None, "severity": None, "scores": {}, "cases": [],
        "contradictory": False, "sides": {}, "severities": {},
    }  # fmt: skip


@pytest.mark.parametrize("report", REPORTS)
def test_round_trip(report):
    assert read(json.loads(json.dumps(as_json(report), allow_nan=False))) == report


def test_what_json_has_no_number_for_is_null():
    made = as_json(replace(REPORT, provenance={"score": float("nan"), "limits": (1.5, float("inf"))}))
    assert made["provenance"] == {"score": None, "limits": [1.5, None]}


def changed(**changes):
    return as_json(REPORT) | changes


def changed_finding(**changes):
    values = copy.deepcopy(as_json(REPORT))
    values["findings"][0] |= changes
    return values


def changed_change(**changes):
    values = copy.deepcopy(as_json(REPORT))
    values["changes"][2] |= changes
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "expected schema_version 1.1, found None"),
        ([], "expected schema_version 1.1, found None"),
        (changed(schema_version="2.0"), "found '2.0'"),
        ({"schema_version": "1.1"}, "KeyError"),
        (changed(abstained="no"), "expected true or false, found 'no'"),
        (changed(technique=None), "expected text, found None"),
        (changed(impression="a sentence"), "expected a list, found 'a sentence'"),
        (changed(findings=[3]), "not of the form"),
        (changed(provenance=3), "not of the form"),
        (changed(problems=[{"kind": "k", "where": "w", "text": "", "detail": "", "action": "hid"}]), "found 'hid'"),
        (
            changed(diagnoses=[{"name": "n", "icd10": [{"code": "c", "description": "d", "billable": 1}]}]),
            "true or false",
        ),
        (changed(diagnoses=[{"name": "n", "icd10": [{"code": "c", "description": "d", "billable": True}]}]), "needs"),
        (changed(caption=None), "expected text, found None"),
        (changed(changes={}), "expected a list"),
        (changed_change(course="gone"), "found 'gone'"),
        (changed_change(probability="high"), "expected a number, found 'high'"),
        (changed_change(courses={"gone": 0.5}), "found 'gone'"),
        (changed_change(courses=[0.5]), "expected a mapping"),
        (changed_change(now={}), "KeyError"),
        (changed_finding(status="maybe"), "found 'maybe'"),
        (changed_finding(laterality="top"), "found 'top'"),
        (changed_finding(severity="grave"), "found 'grave'"),
        (changed_finding(support="strong"), "found 'strong'"),
        (changed_finding(evidence=[1]), "expected text, found 1"),
    ],
)
def test_what_is_not_a_report_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        read(values)
