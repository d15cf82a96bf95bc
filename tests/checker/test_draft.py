import itertools

import pytest

from medxpert.checker.draft import UNREAD, UNSUPPORTED, WEAK, check
from medxpert.checker.lexicon import KINDS
from medxpert.labeler import mentions
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES
from medxpert.reporting import Case, Draft, Finding, Verdict
from medxpert.words import Hit

NAMES = {
    "Enlarged Cardiomediastinum": "mediastinal widening",
    "Cardiomegaly": "cardiomegaly",
    "Lung Opacity": "lung opacity",
    "Lung Lesion": "lung nodule",
    "Edema": "pulmonary edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Pleural Effusion": "pleural effusion",
    "Pleural Other": "pleural thickening",
    "Fracture": "rib fracture",
    "Support Devices": "support device",
}
HEADS = {"present": "There is", "uncertain": "Possible", "absent": "There is no"}
PROBABILITY = {"present": 0.9, "uncertain": 0.3, "absent": 0.02, "": 0.15}
STATUSES = ("present", "uncertain", "absent")
SIDES = ("", "left", "right", "bilateral")
SEVERITIES = ("", "mild", "moderate", "severe")


def sentence(name, status="present", side="", severity=""):
    return " ".join(f"{HEADS[status]} {severity} {side} {NAMES[name]}.".split())


def verdict(name, status="present", side="", severity="", **changes):
    told = {
        "probability": PROBABILITY[status],
        "laterality": side,
        "severity": severity,
        "scores": {"probe": PROBABILITY[status], "cases": PROBABILITY[status]},
        "cases": ("s1", "s2"),
    }
    return Verdict(name, status, **(told | changes))


def case(*verdicts, default="absent"):
    known = {one.observation: one for one in verdicts}
    rest = [known.get(name) or verdict(name, default, cases=("s3",)) for name in OBSERVATIONS if name != NO_FINDING]
    hits = [Hit(n, 0.9, f"s{n}", f"p{n}", "", {}, n) for n in range(1, 6)]
    return Case((known.get(NO_FINDING, Verdict(NO_FINDING)), *rest), hits)


def finding(name, status="present", side="", severity="", text=None, evidence=("s1", "probe")):
    return Finding(name, status, text or sentence(name, status, side, severity), side, severity, evidence)


def draft(*findings, impression=(), diagnoses=()):
    return Draft(findings, tuple(impression), tuple(diagnoses))


def checked(made, *verdicts, mode="mark", default="absent"):
    found = check(made, case(*verdicts, default=default), mode)
    assert {problem.kind for problem in found.problems} <= set(KINDS)
    return found


def kinds(found):
    return {problem.kind for problem in found.problems}


def test_a_faithful_draft_passes_whatever_it_says():
    for name, status, side, severity in itertools.product(NAMES, STATUSES, SIDES, SEVERITIES):
        if status == "absent" and (side or severity):
            continue
        text = sentence(name, status, side, severity)
        made = draft(finding(name, status, side, severity), impression=[text])
        found = checked(made, verdict(name, status, side, severity))
        assert not found.problems, (text, found.problems)
        assert found.findings[0].support == "supported"
        assert found.impression == (text,)
        assert checked(made, verdict(name, status, side, severity), mode="drop")[:3] == found[:3]


def test_a_normal_report_passes():
    names = [name for name in PATHOLOGIES if name != "Fracture"]
    findings = [finding(name, "absent", evidence=("s3", "cases")) for name in names]
    findings.append(
        Finding(NO_FINDING, "present", "No acute cardiopulmonary abnormality.", evidence=("s1",)),
    )
    found = checked(
        draft(*findings, impression=["Normal chest radiograph."]), Verdict(NO_FINDING, "present", 0.9, cases=("s1",))
    )
    assert not found.problems
    assert {one.support for one in found.findings} == {"supported"}


def test_an_invented_finding_is_caught_whatever_it_is():
    for name, status, side in itertools.product(NAMES, ("present", "uncertain"), SIDES):
        text = sentence(name, status, side)
        made = draft(finding(name, status, side, evidence=("s3", "probe")), impression=[text])
        found = checked(made, verdict(name, "absent", cases=("s3",)))
        assert kinds(found) == {"contradicted"}, (text, found.problems)
        assert found.findings[0].support == "unsupported"
        assert found.impression == (text + UNSUPPORTED,)
        assert {problem.action for problem in found.problems} == {"marked"}
        left = checked(made, verdict(name, "absent", cases=("s3",)), mode="drop")
        assert (left.findings, left.impression) == ((), ())
        assert {problem.action for problem in left.problems if problem.kind == "contradicted"} == {"dropped"}


def test_a_denied_finding_is_caught_whatever_it_is():
    for name in NAMES:
        made = draft(finding(name, "absent"), impression=[sentence(name, "absent")])
        for mode in ("mark", "drop"):
            found = checked(made, verdict(name), mode=mode)
            assert {"contradicted", "omitted"} <= kinds(found), name
            assert sentence(name, "absent") not in found.impression


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_of_what_no_evidence_speaks_of(name):
    for status in STATUSES:
        found = checked(draft(finding(name, status)), Verdict(name))
        assert {"unfounded", "unrelated_evidence"} <= kinds(found) | {"unrelated_evidence"}
        assert found.findings[0].support == "unsupported"


def test_sides_are_checked():
    expected = {(a, b): "weak" for a in SIDES for b in SIDES} | {(a, a): "supported" for a in SIDES}
    expected |= {("", b): "supported" for b in SIDES}
    expected |= {("left", "right"): "unsupported", ("right", "left"): "unsupported"}
    for name, (said, known) in itertools.product(NAMES, expected):
        found = checked(draft(finding(name, "present", said)), verdict(name, "present", known))
        assert found.findings[0].support == expected[said, known], (name, said, known)
        assert kinds(found) == ({"side"} if expected[said, known] != "supported" else set())


def test_severities_are_checked():
    expected = {(a, b): "weak" for a in SEVERITIES for b in SEVERITIES} | {(a, a): "supported" for a in SEVERITIES}
    expected |= {("", b): "supported" for b in SEVERITIES}
    expected |= {("mild", "severe"): "unsupported", ("severe", "mild"): "unsupported"}
    for name, (said, known) in itertools.product(NAMES, expected):
        found = checked(draft(finding(name, "present", "", said)), verdict(name, "present", "", known))
        assert found.findings[0].support == expected[said, known], (name, said, known)


def test_an_absence_on_the_other_side_is_no_contradiction():
    text = "There is no left pleural effusion but a large right effusion."
    made = draft(finding("Pleural Effusion", "present", "right", "severe", text))
    assert not checked(made, verdict("Pleural Effusion", "present", "right", "severe")).problems
    found = checked(made, verdict("Pleural Effusion", "present", "left", "severe"))
    assert kinds(found) == {"contradicted", "side"}


def test_the_sentence_counts_not_the_fields():
    made = draft(finding("Pleural Effusion", "present", "left", "mild", "Large right pleural effusion."))
    found = checked(made, verdict("Pleural Effusion", "present", "left", "mild"))
    (one,) = found.findings
    assert (one.laterality, one.severity, one.support) == ("right", "severe", "unsupported")
    assert kinds(found) == {"mismatch", "side", "severity"}


def test_fields_that_say_nothing_are_filled_and_noted():
    made = draft(finding("Edema", "present", "", "", "Severe pulmonary edema."))
    found = checked(made, verdict("Edema", "present", "", "severe"))
    assert (found.findings[0].severity, found.findings[0].support) == ("severe", "supported")
    assert [(problem.kind, problem.action) for problem in found.problems] == [("mismatch", "noted")]


def test_a_status_that_the_sentence_does_not_have_is_a_problem():
    for field, said in itertools.permutations(STATUSES, 2):
        made = draft(finding("Edema", field, text=sentence("Edema", said)))
        found = checked(made, verdict("Edema", said))
        assert kinds(found) - {"omitted"} == {"mismatch"}
        assert (found.findings[0].status, found.findings[0].support) == (said, "weak")


def test_a_second_observation_in_the_sentence_is_checked():
    made = draft(finding("Edema", text="Pulmonary edema and a right pneumothorax."))
    found = checked(made, verdict("Edema"))
    assert kinds(found) == {"contradicted"}
    assert found.findings[0].support == "unsupported"


def test_a_sentence_about_something_else_does_not_support_its_finding():
    made = draft(finding("Edema", text=sentence("Pneumothorax")))
    found = checked(made, verdict("Edema"), verdict("Pneumothorax"))
    assert kinds(found) == {"mismatch", "omitted"}
    assert found.findings[0].support == "unsupported"


def test_contradictory_sources_make_weak():
    told = verdict("Pneumonia", "uncertain", contradictory=True, scores={"probe": 0.9, "cases": 0.05})
    made = draft(finding("Pneumonia", "uncertain"), impression=["Possible pneumonia."])
    found = checked(made, told)
    assert kinds(found) == {"contradictory_evidence"}
    assert found.findings[0].support == "weak"
    assert found.impression == ("Possible pneumonia." + WEAK,)
    assert "probe 90%" in found.problems[0].detail


def test_what_the_evidence_is_sure_of_must_be_said():
    for name in NAMES:
        found = checked(draft(finding("Fracture", "absent", evidence=("s3",))), verdict(name))
        assert "omitted" in kinds(found)
        (problem,) = [problem for problem in found.problems if problem.kind == "omitted"]
        assert (problem.action, problem.text) == ("noted", "")
        assert name in problem.detail
    assert not checked(draft(impression=[sentence("Edema")]), verdict("Edema")).problems


def test_a_more_exact_name_is_no_omission():
    made = draft(finding("Consolidation"))
    assert not checked(made, verdict("Consolidation"), verdict("Lung Opacity")).problems


def test_what_is_uncertain_may_be_left_out():
    assert "omitted" not in kinds(checked(draft(impression=["Fracture is absent."]), verdict("Edema", "uncertain")))


def test_citations_that_do_not_hold_are_removed():
    made = draft(finding("Edema", evidence=("s1", "s1", "s4", "s99", "probe", "caption", "Smith et al.")))
    found = checked(made, verdict("Edema"), verdict("Fracture", "absent", scores={"caption": 0.2}))
    assert found.findings[0].evidence == ("s1", "probe")
    assert [(one.kind, one.text, one.action) for one in found.problems] == [
        ("unrelated_evidence", "s4", "dropped"),
        ("unknown_evidence", "s99", "dropped"),
        ("unrelated_evidence", "caption", "dropped"),
        ("unknown_evidence", "Smith et al.", "dropped"),
    ]
    assert found.findings[0].support == "supported"


@pytest.mark.parametrize("evidence", [(), ("s99",), ("s4",)])
def test_a_finding_without_evidence_is_weak(evidence):
    found = checked(draft(finding("Edema", evidence=evidence)), verdict("Edema"))
    assert found.findings[0].support == "weak"
    assert "no_evidence" in kinds(found)


def test_a_case_that_a_verdict_names_but_nobody_found_is_unknown():
    found = checked(draft(finding("Edema", evidence=("s77",))), verdict("Edema", cases=("s77",)))
    assert "unknown_evidence" in kinds(found)


@pytest.mark.parametrize(
    "text",
    [
        "Tuberkulose beidseits.",
        "The patient has three days to live.",
        "INDICATION: evaluate for pneumothorax.",
        "!!!",
        "\u0420neumonia.",
        "Edema. The aorta is tortuous.",
    ],
)
def test_what_cannot_be_read_is_marked_or_dropped(text):
    made = draft(impression=[text])
    found = checked(made, verdict("Edema"))
    assert found.impression == (text + UNREAD,)
    assert "unreadable" in kinds(found)
    assert checked(made, verdict("Edema"), mode="drop").impression == ()


@pytest.mark.parametrize(
    "text",
    [
        "Clinical correlation is recommended.",
        "No similar case was found, so nothing can be said.",
        "Findings:",
        "In the similar cases: nothing can be said with confidence.",
    ],
)
def test_neutral_forms_are_kept(text):
    found = checked(draft(impression=[text]))
    assert (found.impression, found.problems) == ((text,), ())


@pytest.mark.parametrize(
    ("text", "kind", "mark"),
    [
        ("Pulmonary edema due to heart failure.", "beyond_evidence", UNSUPPORTED),
        ("Pulmonary edema with aneurysm.", "beyond_evidence", UNSUPPORTED),
        ("Pulmonary edema, 12 mm.", "beyond_evidence", UNSUPPORTED),
        ("COMMENT: pulmonary edema, tuberculosis.", "beyond_evidence", UNSUPPORTED),
        ("Worsening pulmonary edema.", "comparison", WEAK),
        ("Pulmonary edema, unchanged.", "comparison", WEAK),
        ("Pulmonary edema in the lower lobes.", "finer", " [weak support]"),
        ("Pulmonary edema, and the lungs look small.", "unreadable", WEAK),
        ("Pulmonary edema, best seen on the left (see case s1).", "side", WEAK),
        ("Pulmo\u200bnary edema.", "", ""),
    ],
)
def test_words_that_nobody_can_check_are_reported(text, kind, mark):
    found = checked(draft(impression=[text]), verdict("Edema"))
    assert kinds(found) == ({kind} if kind else set())
    assert found.impression == (text + mark,)


@pytest.mark.parametrize(
    "text",
    [
        "No acute cardiopulmonary abnormality.",
        "Normal chest radiograph.",
        "The chest is unremarkable.",
        "The lungs are clear.",
        "Lungs: clear.",
    ],
)
def test_a_general_denial_is_checked(text):
    made = draft(impression=[text])
    assert not checked(made).problems
    assert kinds(checked(made, verdict("Pneumonia"))) == {"contradicted", "omitted"}
    assert kinds(checked(made, verdict("Pneumonia", "uncertain"))) == {"overstated"}
    assert kinds(checked(made, default="")) == {"overstated"}
    assert kinds(check(made, Case((), []))) == {"unfounded"}


def test_otherwise_normal_leaves_out_what_is_said_elsewhere():
    made = draft(finding("Edema"), impression=["Otherwise normal chest radiograph."])
    assert not checked(made, verdict("Edema")).problems
    plain = draft(finding("Edema"), impression=["Normal chest radiograph."])
    assert kinds(checked(plain, verdict("Edema"))) == {"contradicted", "contradiction"}


def test_a_report_that_contradicts_itself_is_told():
    for name in NAMES:
        made = draft(finding(name), impression=[sentence(name, "absent")])
        found = checked(made, verdict(name))
        assert kinds(found) == {"contradicted", "contradiction"}
        assert found.findings[0].support == "supported"
        assert {problem.text for problem in found.problems} == {sentence(name, "absent")}


def test_no_finding_beside_a_pathology_contradicts_it():
    normal = Finding(NO_FINDING, "present", "No acute cardiopulmonary abnormality.", evidence=("s1",))
    found = checked(draft(normal, finding("Fracture")), verdict("Fracture"))
    assert found.findings[0].support == "unsupported"
    assert {"contradicted", "contradiction"} <= kinds(found)


def test_contradictions_within_one_sentence_are_told():
    found = checked(draft(impression=["Pulmonary edema. No pulmonary edema."]), verdict("Edema"))
    assert "contradiction" in kinds(found)


def test_denied_on_one_side_only_is_no_contradiction():
    made = draft(
        finding("Pneumothorax", "present", "right"),
        finding("Pneumothorax", "absent", "left", evidence=("s1",)),
    )
    assert not checked(made, verdict("Pneumothorax", "present", "right")).problems


def test_an_empty_draft_is_told():
    for made in (draft(), draft(impression=["", "  "])):
        found = checked(made, verdict("Edema"))
        assert found[:3] == ((), (), ())
        assert [problem.kind for problem in found.problems] == ["omitted", "empty"]


def test_a_finding_outside_the_14_is_unsupported():
    made = draft(Finding("Hernia", "present", "Hiatal hernia.", evidence=("s1",)))
    assert checked(made).findings[0].support == "unsupported"


def test_marks_do_not_change_what_the_labeler_reads():
    for name, status, mark in itertools.product(NAMES, STATUSES, (UNSUPPORTED, UNREAD, WEAK)):
        for text in (sentence(name, status), sentence(name, status)[:-1]):
            plain, marked = mentions(text), mentions(text + mark)
            assert [one[:2] for one in map(_told, plain)] == [one[:2] for one in map(_told, marked)], text + mark


def _told(one):
    return one.observation, one.value, one.side, one.severity


def test_wording_may_vary():
    told = verdict("Pleural Effusion", "present", "left", "mild")
    for text in (
        "Small left-sided effusion.",
        "There is trace fluid in the left pleural space.",
        "A small pleural effusion is seen on the left",
        "Minimal left effusion, no pneumothorax.",
    ):
        found = checked(draft(finding("Pleural Effusion", "present", "left", "mild", text)), told)
        assert not found.problems, (text, found.problems)
