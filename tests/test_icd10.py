import itertools
import json
import re
import subprocess
import sys
from importlib.resources import files

import pytest
import simple_icd_10_cm

from medxpert.icd10 import are_kin, codes, diagnoses, verify
from medxpert.labeler import mentions
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES, SUPPORT_DEVICES
from medxpert.reporting import Code, Verdict

TABLE = json.loads(files("medxpert").joinpath("icd10.json").read_text("utf-8"))
OVERREACH = ("acute", "chronic", "encounter", "without", "due to", "traumatic", "spontaneous", "open", "closed")
SIDES = ("", "left", "right", "bilateral")
OLD = ("old", "healed", "chronic", "compression", "pathological")


def rows(status):
    return [(name, row) for name, listed in TABLE["observations"].items() for row in listed[status]]


def coded(observation, sentence="", side="", status="present"):
    return [code.code for code in codes(observation, status, side, "", sentence)]


@pytest.mark.parametrize("code", TABLE["codes"])
def test_the_table_is_what_the_classification_says(code):
    row = TABLE["codes"][code]
    assert simple_icd_10_cm.is_valid_item(code)
    assert row["description"] == simple_icd_10_cm.get_description(code)
    assert row["billable"] == simple_icd_10_cm.is_leaf(code)


@pytest.mark.parametrize("code", [code for code, row in TABLE["codes"].items() if "needs" in row])
def test_needs_are_what_the_billable_codes_below_state(code):
    below = [one for one in simple_icd_10_cm.get_descendants(code) if simple_icd_10_cm.is_leaf(one)]
    told = " ".join(simple_icd_10_cm.get_full_data(one).lower() for one in below)
    for need in TABLE["codes"][code]["needs"]:
        choices = [re.findall(r"[a-z]+", choice)[-1] for choice in re.split(r",? or ", need)]
        assert len(choices) > 1
        for choice in set(choices) - {"encounter", "asbestos"}:
            assert choice.removesuffix("s") in told, (need, choice)


def test_every_code_that_is_not_billable_says_what_it_needs():
    for code, row in TABLE["codes"].items():
        assert bool(row.get("needs")) == (not row["billable"]), code
    (edema,) = codes("Edema")
    assert edema == Code("J81", "Pulmonary edema", False, ("acute or chronic",))


def test_every_code_and_every_word_list_is_used():
    told = [row for status in ("present", "uncertain") for _, row in rows(status)]
    assert {code for row in told for code in row["codes"]} == set(TABLE["codes"])
    unless = {word for words in TABLE["words"].values() for word in words.get("unless", ())}
    assert {row["says"] for row in told if "says" in row} | unless == set(TABLE["words"])


def test_every_condition_can_hold():
    known = {"says": TABLE["words"], "side": SIDES, "severity": ("", "mild", "moderate", "severe")}
    for status in ("present", "uncertain"):
        for name, row in rows(status):
            assert set(row) <= {*known, "codes"}, name
            assert all(row[key] in known[key] for key in set(row) - {"codes"}), (name, row)


def test_every_pathology_has_a_code_whatever_is_said():
    for status, name, side in itertools.product(("present", "uncertain"), PATHOLOGIES, SIDES):
        assert coded(name, "", side, status), (status, name, side)
        for word in TABLE["words"].values():
            assert coded(name, f"There is {word.get('name', '')}.", side, status), (status, name, word)


def test_no_code_says_more_than_a_film_shows():
    for code, row in TABLE["codes"].items():
        assert not set(OVERREACH) & set(re.findall("[a-z]+", row["description"].lower())), code
        assert len(code) <= 7, code


def test_what_is_uncertain_is_coded_as_an_abnormal_image_only():
    for name, word in itertools.product(PATHOLOGIES, TABLE["words"].values()):
        found = coded(name, f"Possible {word.get('name', '')}.", "left", "uncertain")
        assert {code[:3] for code in found} <= {"R91", "R93"}
    assert coded("Pneumonia", status="uncertain") == ["R91.8"]
    assert coded("Cardiomegaly", status="uncertain") == ["R93.1"]


@pytest.mark.parametrize("name", [NO_FINDING, SUPPORT_DEVICES, "Emphysema"])
def test_what_is_no_disease_has_no_code(name):
    assert codes(name, "present") == codes(name, "uncertain") == ()


def test_what_is_absent_has_no_code():
    assert [codes(name, "absent", "left", "mild", "No rib fracture.") for name in OBSERVATIONS] == [()] * 14


@pytest.mark.parametrize(
    ("observation", "side", "sentence", "expected"),
    [
        ("Fracture", "right", "There is a right-sided fracture.", "R93.7"),
        ("Fracture", "right", "There is a mildly displaced right mid rib fracture.", "S22.31"),
        ("Fracture", "left", "Displaced fracture of a left upper rib.", "S22.32"),
        ("Fracture", "left", "Fracture of rib, left.", "S22.32"),
        ("Fracture", "", "Rib fracture.", "S22.39"),
        ("Fracture", "left", "Fracture of one of the left ribs.", "S22.32"),
        ("Fracture", "right", "Fractures of the right fifth, sixth and seventh ribs.", "S22.41"),
        ("Fracture", "left", "Multiple left rib fractures.", "S22.42"),
        ("Fracture", "bilateral", "Bilateral rib fractures.", "S22.43"),
        ("Fracture", "", "Rib fractures.", "S22.49"),
        ("Fracture", "right", "A right rib fracture, other ribs intact.", "S22.31"),
        ("Fracture", "right", "Right clavicular fracture.", "S42.001"),
        ("Fracture", "bilateral", "Fractures of both clavicles.", "S42.001 S42.002"),
        ("Fracture", "left", "Fracture of the left scapula.", "S42.102"),
        ("Fracture", "left", "Sternal fracture.", "S22.20"),
        ("Fracture", "left", "Fracture of the proximal left humerus.", "S42.202"),
        ("Fracture", "right", "Right clavicle and rib fractures.", "S22 S42.009"),
        ("Fracture", "bilateral", "Left clavicle fracture and right rib fracture.", "S22.39 S42.009"),
        ("Fracture", "left", "Left clavicle fracture, no rib fracture.", "S42.002"),
        ("Fracture", "left", "Left rib fracture without pneumothorax.", "S22.32"),
        ("Fracture", "left", "Left rib or clavicle fracture.", "R93.7"),
        ("Fracture", "left", "Left fracture; possibly of the clavicle.", "R93.7"),
        ("Fracture", "", "Vertebral compression fracture.", "R93.7"),
        ("Lung Lesion", "left", "There is a nodule in the left lung.", "R91.8"),
        ("Lung Lesion", "left", "There is a mass in the left lung.", "R91.8"),
        ("Lung Lesion", "left", "Solitary left upper lobe nodule.", "R91.1"),
        ("Lung Lesion", "", "Coin lesion.", "R91.1"),
        ("Lung Lesion", "bilateral", "Solitary nodule.", "R91.8"),
        ("Lung Lesion", "", "Multiple nodules, not a solitary nodule.", "R91.8"),
        ("Pneumonia", "right", "Right lower lobe pneumonia.", "J18.9"),
        ("Pneumonia", "right", "Lobar pneumonia.", "J18.1"),
        ("Pneumothorax", "left", "There is a large left pneumothorax.", "J93.9"),
        ("Pneumothorax", "left", "Left hydropneumothorax.", "J94.8"),
        ("Pleural Effusion", "left", "Large left pleural effusion.", "J90"),
        ("Pleural Other", "left", "There is left-sided pleural thickening.", "J92"),
        ("Pleural Other", "left", "Pleural scarring.", "J94.9"),
        ("Support Devices", "left", "Left chest wall pacemaker with lead in the right ventricle.", "Z95.0"),
        ("Support Devices", "", "Pacemaker with defibrillator, prosthetic aortic valve.", "Z95.810 Z95.2"),
        ("Support Devices", "", "Endotracheal tube in place. No pacemaker.", ""),
        ("Support Devices", "", "Sternotomy wires.", ""),
    ],
)
def test_codes_are_as_deep_as_the_words(observation, side, sentence, expected):
    assert " ".join(coded(observation, sentence, side)) == expected


@pytest.mark.parametrize("word", OLD)
def test_a_fracture_of_another_kind_is_no_recent_injury(word):
    assert coded("Fracture", f"{word.capitalize()} right rib fracture.", "right") == ["R93.7"]


def test_severity_and_foreign_sides_change_nothing():
    for name, severity in itertools.product(PATHOLOGIES, ("mild", "severe")):
        assert codes(name, "present", "left", severity) == codes(name)


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
    needs = ("initial or subsequent encounter, or sequela", "open or closed")
    assert verify("S22.31", "Fracture of one rib, right side") == Code(
        "S22.31", "Fracture of one rib, right side", False, needs
    )
    assert verify("J92", "pleural thickening") == codes("Pleural Other", sentence="Pleural thickening.")[0]
    assert verify("J93", "Pneumothorax and air leak") == Code("J93", "Pneumothorax and air leak", False)


def test_kin_are_of_one_category():
    assert are_kin(codes("Edema")[0], verify("J81.0", "Acute pulmonary edema"))
    assert not are_kin(codes("Edema")[0], codes("Pleural Effusion")[0])


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


def test_names_what_the_report_names():
    names = {}
    for name, listed in TABLE["observations"].items():
        for row in listed["present"]:
            if says := row.get("says"):
                called = TABLE["words"][says]["name"]
                (found,) = diagnoses([Verdict(name, "present", None, row.get("side", ""))], {name: f"{called}."})
                assert (name, 1) in {(one.observation, one.value) for one in mentions(found.name)}, found.name
                assert found.icd10 == codes(name, "present", row.get("side", ""), "", found.name)
                assert [code.code for code in found.icd10] == row["codes"]
                names[says] = found.name
    assert names["one rib"] == "Rib fracture"
    assert len(names) == len(TABLE["words"]) - 2


def test_several_bones_are_several_diagnoses():
    found = diagnoses([Verdict("Fracture", "present", None, "right")], {"Fracture": "Clavicle and one rib fracture."})
    assert [(one.name, *(code.code for code in one.icd10)) for one in found] == [
        ("Rib fracture", "S22.39"),
        ("Clavicle fracture", "S42.009"),
    ]
    (possible,) = diagnoses([Verdict("Fracture", "uncertain")], {"Fracture": "Possible rib fracture."})
    assert (possible.name, possible.icd10[0].code) == ("Possible fracture", "R93.7")


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
