from dataclasses import replace

import pytest
from documents.samples import ABSENT, BEFORE, CHANGES, NOW, REPORT, SUPPORTED, UNSUPPORTED, WEAK

from medxpert.documents import wording
from medxpert.reporting import Code, Verdict


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\n\tb", "a b"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("left\u202eright\u200b", "leftright"),
        ("half \ud800 pair", "half pair"),
        ("Übergröße µ", "Übergröße µ"),
    ],
)
def test_line(text, seen):
    assert wording.line(text) == seen


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("A nodule. [unsupported]", ("A nodule.", "unsupported")),
        ("A nodule. [weak support]", ("A nodule.", "weak support")),
        ("A nodule. [unchecked]", ("A nodule.", "unchecked")),
        ("A nodule.", ("A nodule.", "")),
        ("[unsupported] A nodule.", ("[unsupported] A nodule.", "")),
        ("A nodule. [supported]", ("A nodule. [supported]", "")),
    ],
)
def test_marked(text, parted):
    assert wording.marked(text) == parted


def test_only_neighbours_of_one_sentence_and_support_are_put_together():
    doubtful = replace(ABSENT[1], support="weak")
    groups = wording.by_sentence([ABSENT[0], ABSENT[1], doubtful, SUPPORTED, ABSENT[0]])
    assert [len(group) for group in groups] == [2, 1, 1, 1]


def test_cited():
    assert wording.cited(SUPPORTED, REPORT) == ({"zero-shot": 0.831}, ("s1", "s2"))
    assert wording.cited(SUPPORTED, replace(REPORT, provenance={})) == ({}, ("zero-shot", "s1", "s2"))


@pytest.mark.parametrize("scores", [None, [], {"Pleural Effusion": 3}, {"Pleural Effusion": {"zero-shot": "high"}}])
def test_scores_of_another_form_are_citations_like_others(scores):
    broken = replace(REPORT, provenance={"scores": scores})
    assert wording.cited(SUPPORTED, broken).studies == ("zero-shot", "s1", "s2")


@pytest.mark.parametrize(("finding", "told"), [(SUPPORTED, "present, left, moderate"), (WEAK, "uncertain, mild")])
def test_qualities(finding, told):
    assert wording.qualities(finding) == told


def test_check_summary():
    problem = REPORT.problems[0]
    several = replace(REPORT, problems=(problem, problem, replace(problem, action="marked")))
    assert wording.check_summary(REPORT) == "1 problem found: 1 dropped."
    assert wording.check_summary(several) == "3 problems found: 1 marked, 2 dropped."
    assert "nothing was found wrong" in wording.check_summary(replace(REPORT, problems=()))
    unchecked = replace(REPORT, findings=(replace(UNSUPPORTED, support=None), WEAK))
    assert wording.check_summary(unchecked) == "1 of 2 findings were not checked against the evidence."


def test_a_report_that_names_no_policy_is_private():
    assert wording.policy(REPORT) == "credentialed"
    assert wording.policy(replace(REPORT, provenance={})) == "private"


def test_provenance_names_who_wrote_and_leaves_scores_to_the_findings():
    told = wording.provenance(replace(REPORT, provenance={**REPORT.provenance, "reporter": "another"}))
    assert told == {
        "run": "a run", "policy": "credentialed", "model id": "none", "index": "count 3, split train",
        "pixels sent": "no", "reporter": "template",
    }  # fmt: skip


def test_changes_come_before_what_did_not_change():
    assert [one.observation for one in wording.ordered(CHANGES)] == ["Pleural Effusion", "Edema", "Fracture"]


def test_what_became_of_an_observation():
    assert [wording.course(one) for one in CHANGES] == ["unchanged 0.97", "not known", "worse 0.61"]


@pytest.mark.parametrize(
    ("verdict", "told", "basis"),
    [
        (BEFORE, "0.71, present, left, mild", "zero-shot 0.60, 1 case agrees"),
        (NOW, "0.88, present, left, moderate", "probe 0.91, 2 cases agree"),
        (Verdict("Edema", "", 0.15), "0.15, undecided", ""),
        (Verdict("Edema"), "not known", ""),
    ],
)
def test_verdict(verdict, told, basis):
    assert (wording.verdict(verdict), wording.basis(verdict)) == (told, basis)


@pytest.mark.parametrize(
    ("code", "note"),
    [
        (Code("J90", "", True), ""),
        (Code("J9", "", False), "(not billable)"),
        (Code("J81", "", False, ("acute or chronic",)), "(not billable; still to be stated: acute or chronic)"),
    ],
)
def test_code_note(code, note):
    assert wording.code_note(code) == note
