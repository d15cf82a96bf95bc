"""Possible diagnoses and their codes: none invented, none deeper than the report supports."""

import itertools

import pytest
from checker.test_draft import NAMES, SEVERITIES, SIDES, case, checked, draft, finding, kinds, verdict

from medxpert.checker.diagnoses import examine
from medxpert.checker.draft import UNSUPPORTED, check
from medxpert.icd10 import diagnoses
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Code, Diagnosis


def test_own_diagnoses_pass():
    for name, status in itertools.product(NAMES, ("present", "uncertain")):
        told = verdict(name, status)
        made = draft(finding(name, status), diagnoses=diagnoses([told]))
        found = checked(made, told)
        assert not found.problems, found.problems
        assert found.diagnoses == made.diagnoses


def test_invented_diagnoses_are_caught():
    for name in NAMES:
        made = draft(diagnoses=[Diagnosis(NAMES[name].capitalize())])
        found = checked(made)
        assert found.diagnoses == (Diagnosis(NAMES[name].capitalize() + UNSUPPORTED),)
        assert kinds(found) == {"contradicted", "empty"}
        assert checked(made, mode="drop").diagnoses == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Pulmonary embolism", "unknown_diagnosis"),
        ("", "unknown_diagnosis"),
        ("Edema from heart failure", "beyond_evidence"),
        ("Left pulmonary edema", "side"),
        ("No pulmonary edema", "contradicted"),
    ],
)
def test_diagnoses_are_read(name, kind):
    made = draft(finding("Edema"), diagnoses=[Diagnosis(name, diagnoses([verdict("Edema")])[0].icd10)])
    found = checked(made, verdict("Edema", "present", "right"))
    assert kind in kinds(found)
    assert found.diagnoses[0].name == name + UNSUPPORTED
    assert found.diagnoses[0].icd10 == ()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code("J90", "Pleural effusion, not elsewhere classified", False), ""),
        (Code("J99.99", "Pleural effusion", True), "unknown_code"),
        (Code("J90", "Pneumothorax, unspecified", True), "unknown_code"),
        (Code("J93.9", "Pneumothorax, unspecified", True), "unfit_code"),
        (Code("J91.0", "Malignant pleural effusion", True), "unfit_code"),
        (Code("I26.99", "Other pulmonary embolism without acute cor pulmonale", True), "unfit_code"),
    ],
)
@pytest.mark.parametrize("mode", ["mark", "drop"])
def test_codes_are_checked(code, kind, mode):
    made = draft(finding("Pleural Effusion"), diagnoses=[Diagnosis("Pleural effusion", (code,))])
    found = checked(made, verdict("Pleural Effusion"), mode=mode)
    if kind:
        assert [(one.kind, one.text, one.action) for one in found.problems] == [(kind, code.code, "dropped")]
        assert found.diagnoses == (Diagnosis("Pleural effusion"),)
    else:
        assert found.diagnoses[0].icd10 == (Code(code.code, code.description, True),)


@pytest.mark.parametrize("status", ["uncertain", ""])
def test_a_suspected_disease_is_not_coded_as_one(status):
    made = draft(diagnoses=[Diagnosis("Pneumonia", (Code("J18.9", "Pneumonia, unspecified organism", True),))])
    found = checked(made, verdict("Pneumonia", status, probability=0.6))
    assert kinds(found) >= {"unfit_code", "empty"}
    assert found.diagnoses[0].icd10 == ()


def test_an_abnormal_image_may_stand_for_what_is_present():
    code = Code("R91.8", "Other nonspecific abnormal finding of lung field", True)
    made = draft(finding("Pneumonia"), diagnoses=[Diagnosis("Pneumonia", (code,))])
    assert not checked(made, verdict("Pneumonia")).problems


@pytest.mark.parametrize(
    ("name", "observation", "code", "instead"),
    [
        ("Pulmonary edema", "Edema", Code("J81.0", "Acute pulmonary edema", True), "J81"),
        ("Pulmonary edema", "Edema", Code("J81.1", "Pulmonary edema NOS", True), "J81"),
        ("Pneumothorax", "Pneumothorax", Code("J93.0", "Spontaneous tension pneumothorax", True), "J93.9"),
        ("Pneumothorax", "Pneumothorax", Code("J93.83", "Other pneumothorax", True), "J93.9"),
        ("Pneumothorax", "Pneumothorax", Code("J93", "Pneumothorax and air leak", True), "J93.9"),
        ("Pneumothorax", "Pneumothorax", Code("J95.811", "Postprocedural pneumothorax", True), ""),
        ("Lung nodule", "Lung Lesion", Code("R91.1", "Solitary pulmonary nodule", True), "R91.8"),
        (
            "Rib fracture",
            "Fracture",
            Code("S22.31XA", "Fracture of one rib, right side, initial encounter for closed fracture", True),
            "S22.39",
        ),
    ],
)
def test_a_code_that_asserts_more_than_a_film_shows_gives_way(name, observation, code, instead):
    made = draft(finding(observation), diagnoses=[Diagnosis(name, (code,))])
    found = checked(made, verdict(observation))
    (problem,) = found.problems
    assert (problem.kind, problem.text, problem.action) == ("unfit_code", code.code, "dropped")
    assert [one.code for one in found.diagnoses[0].icd10] == [instead] * bool(instead)
    assert (f"suggested instead: {instead} " in problem.detail) == bool(instead)
    assert all(one.billable != bool(one.needs) for one in found.diagnoses[0].icd10)


def test_the_side_of_a_code_is_that_of_the_evidence():
    code = Code("S22.31", "Fracture of one rib, right side", False)
    made = draft(finding("Fracture", "present", "right"), diagnoses=[Diagnosis("Rib fracture", (code,))])
    assert not checked(made, verdict("Fracture", "present", "right")).problems
    found = checked(made, verdict("Fracture", "present", "left"))
    assert "unfit_code" in kinds(found)
    assert [one.code for one in found.diagnoses[0].icd10] == ["S22.32"]


def test_other_sentences_of_the_report_may_name_the_bone():
    code = Code("S42.002", "Fracture of unspecified part of left clavicle", False)
    told = {"Fracture": verdict("Fracture", "present", "left")}
    for sentence, kept in (
        ("There is a left clavicle fracture.", True),
        ("There is a left-sided fracture.", False),
        ("Possible left clavicle fracture.", False),
        ("The clavicles are intact.", False),
    ):
        found = examine(Diagnosis("Fracture", (code,)), told, [sentence])
        assert bool(found.diagnosis.icd10) == kept, sentence
        assert bool(found.problems) != kept


def test_codes_of_the_template_pass():
    for name, status, side, severity in itertools.product(NAMES, ("present", "uncertain"), SIDES, SEVERITIES):
        told = case(verdict(name, status, side, severity))
        found = check(TemplateReporter()(told), told)
        assert not [one for one in found.problems if one.where == "diagnoses"], found.problems


def test_a_code_may_be_as_deep_as_the_finding_beside_it():
    rib = Code("S22.39", "Fracture of one rib, unspecified side", False)
    made = draft(finding("Fracture"), diagnoses=[Diagnosis("Fracture", (rib,))])
    assert [one.code for one in checked(made, verdict("Fracture")).diagnoses[0].icd10] == ["S22.39"]
    alone = draft(diagnoses=[Diagnosis("Fracture", (rib,))])
    assert checked(alone, verdict("Fracture")).diagnoses[0].icd10 == ()
