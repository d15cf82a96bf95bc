"""The evidence of a finished report, taken from the report."""

from dataclasses import replace

from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.recalling import recalled
from medxpert.reporting import Change, Finding, Problem, Report, Verdict

PROVENANCE = {
    "rule": {"present": 0.5, "uncertain": 0.3, "absent": 0.2},
    "probabilities": {"Edema": 0.45, "Pleural Effusion": 0.7, "Fracture": 0.1, "No Finding": 0.9},
    "scores": {"Edema": {"probe": 0.4}, "Pleural Effusion": {"probe": 0.9, "cases": 0.05}},
}
EFFUSION = Finding("Pleural Effusion", "uncertain", "Possible left effusion.", "left", "mild", ("probe", "s1"), "weak")
REPORT = Report("T.", "None.", (EFFUSION,), (), (), (), "template", provenance=PROVENANCE)


def verdict(report: Report, name: str) -> Verdict:
    return next(one for one in recalled(report).verdicts if one.observation == name)


def test_statuses_follow_from_the_probabilities_by_the_rule_of_their_time():
    assert verdict(REPORT, "Edema").status == "uncertain"
    assert verdict(replace(REPORT, provenance=PROVENANCE | {"rule": None}), "Edema").status == "present"
    assert verdict(REPORT, "Fracture").status == "absent"
    assert verdict(REPORT, "Lung Lesion") == Verdict("Lung Lesion")
    assert tuple(one.observation for one in recalled(REPORT).verdicts) == OBSERVATIONS


def test_sources_that_contradict_each_other_make_it_uncertain():
    found = verdict(REPORT, "Pleural Effusion")

    assert (found.contradictory, found.status) == (True, "uncertain")
    assert (found.laterality, found.severity, found.cases) == ("left", "mild", ("s1",))


def test_no_finding_does_not_stand_beside_a_pathology():
    assert verdict(REPORT, NO_FINDING).status == ""
    alone = replace(REPORT, provenance=PROVENANCE | {"probabilities": {"No Finding": 0.9}, "scores": {}})
    assert verdict(alone, NO_FINDING).status == "present"


def test_a_side_that_the_checker_objected_to_is_no_evidence():
    told = Problem("side", "findings", EFFUSION.sentence, "the evidence says right", "marked")
    found = verdict(replace(REPORT, problems=(told,)), "Pleural Effusion")

    assert (found.laterality, found.severity) == ("", "mild")


def test_with_a_prior_image_the_verdicts_are_whole():
    now = Verdict("Edema", "present", 0.8, cases=("s7",))
    change = Change("Edema", "new", 0.9, {"new": 0.9}, Verdict("Edema"), now)
    case = recalled(replace(REPORT, changes=(change,)))

    assert case.verdicts == (now,)
    assert [hit.study_id for hit in case.hits] == ["s1", "s7"]


def test_doubt_is_remembered():
    far = Problem("far", "findings", "", "at the edge", "marked")

    assert recalled(replace(REPORT, problems=(far,))).doubt == "at the edge"


def test_broken_provenance_is_no_evidence():
    broken = {"rule": {"present": 3}, "probabilities": {"Edema": "high"}, "scores": [1]}

    assert verdict(replace(REPORT, provenance=broken), "Edema") == Verdict("Edema")
