import json
import subprocess
import sys
from importlib.resources import files

import pytest
import simple_icd_10_cm

from medxpert.icd10 import codes, diagnoses, observations, verify
from medxpert.labeler import mentions
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES, SUPPORT_DEVICES
from medxpert.reporting import Code, Verdict

TABLE = json.loads(files("medxpert").joinpath("icd10.json").read_text("utf-8"))
OVERREACH = ("acute", "chronic", "encounter", "solitary", "without", "due to", "traumatic")


def listed(status):
    return [(name, code) for name in PATHOLOGIES for code in codes(name, status)]


@pytest.mark.parametrize("code", TABLE["codes"])
def test_the_table_is_what_the_classification_says(code):
    row = TABLE["codes"][code]
    assert simple_icd_10_cm.is_valid_item(code)
    assert row["description"] == simple_icd_10_cm.get_description(code)
    assert row["billable"] == simple_icd_10_cm.is_leaf(code)


def test_every_pathology_has_a_billable_code_and_every_code_is_used():
    used = {code.code for status in ("present", "uncertain") for _, code in listed(status)}
    assert used == set(TABLE["codes"])
    for status in ("present", "uncertain"):
        assert [name for name, _ in listed(status)] == list(PATHOLOGIES)
        assert all(code.billable for _, code in listed(status))


def test_no_code_says_more_than_a_film_shows():
    for status in ("present", "uncertain"):
        for name, code in listed(status):
            assert not any(word in code.description.lower() for word in OVERREACH), (name, code)


def test_what_is_uncertain_is_coded_as_an_abnormal_image_only():
    assert {code.code[:3] for _, code in listed("uncertain")} <= {"R91", "R93"}


@pytest.mark.parametrize("name", [NO_FINDING, SUPPORT_DEVICES, "Emphysema"])
def test_what_is_no_disease_has_no_code(name):
    assert codes(name, "present") == codes(name, "uncertain") == ()


def test_what_is_absent_has_no_code():
    assert [codes(name, "absent") for name in OBSERVATIONS] == [()] * 14


def test_codes_lead_back_to_their_observations():
    for status in ("present", "uncertain"):
        for name, code in listed(status):
            assert name in observations(code.code)
    assert observations("j9811") == ("Atelectasis",)
    assert observations("I26.99") == ()


@pytest.mark.parametrize(
    ("code", "description", "expected"),
    [
        ("J90", "Pleural effusion, not elsewhere classified", "J90"),
        (" j90. ", "PLEURAL EFFUSION NEC", "J90"),
        ("j9811", "atelectasis", "J98.11"),
        ("J18.9", "Unspecified organism pneumonia", "J18.9"),
        ("J81.0", "Acute pulmonary edema", "J81.0"),
        ("R91.8", "Shadow, lung", "R91.8"),
        ("S2239XA", "Fracture of one rib, unspecified side, initial encounter for closed fracture", "S22.39XA"),
    ],
)
def test_verifies_what_exists(code, description, expected):
    assert verify(code, description) == Code(expected, simple_icd_10_cm.get_description(expected), True)


def test_tells_that_a_category_is_not_billable():
    assert verify("S22.31", "Fracture of one rib, right side") == Code(
        "S22.31", "Fracture of one rib, right side", False
    )


@pytest.mark.parametrize(
    ("code", "description"),
    [
        ("J99.99", "Pleural effusion"),
        ("J90", "Pneumothorax, unspecified"),
        ("J93.9", "Pneumothorax, specified"),
        ("J93.9", ""),
        ("", "Pneumothorax, unspecified"),
        ("J80-J84", "Other respiratory diseases principally affecting the interstitium"),
        ("10", "Diseases of the respiratory system (J00-J99)"),
        ("DROP TABLE", "x"),
        ("J94.0.0", "Chylous effusion"),
    ],
)
def test_refuses_what_does_not_exist_or_is_called_otherwise(code, description):
    assert verify(code, description) is None


def test_names_diagnoses_that_the_labeler_reads_as_meant():
    for status, value in (("present", 1), ("uncertain", -1)):
        for name in PATHOLOGIES:
            (found,) = diagnoses([Verdict(name, status)])
            assert {(one.observation, one.value) for one in mentions(found.name)} == {(name, value)}, found.name
            assert found.icd10 == codes(name, status)


def test_lists_what_is_present_first_and_nothing_else():
    told = [Verdict(SUPPORT_DEVICES, "present"), Verdict(NO_FINDING, "present"), Verdict("Fracture", "absent")]
    told += [Verdict("Cardiomegaly", "uncertain"), Verdict("Pneumothorax", "present"), Verdict("Edema", "present")]
    names = [found.name for found in diagnoses(told)]
    assert names == ["Pulmonary edema", "Pneumothorax", "Possible cardiomegaly"]
    assert diagnoses([]) == ()


def test_the_classification_is_loaded_only_for_codes_outside_the_table():
    script = """
import sys
from medxpert.icd10 import codes, diagnoses, verify
from medxpert.reporting import Verdict
(code,) = diagnoses([Verdict("Edema", "present")])[0].icd10
assert verify(code.code, code.description) == code
print("simple_icd_10_cm" in sys.modules)
verify("J81.0", "Acute pulmonary edema")
print("simple_icd_10_cm" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
