"""Cases are drawn from a seed: one per patient, as many abnormal ones as asked for, as far as there are."""

from pathlib import Path

import pytest

from medxpert.cases import Cases
from medxpert.errors import ConfigError, DataError
from medxpert.ontology import MISSING, OBSERVATIONS
from medxpert.rating.design import Plan, candidates, digest, document, plan_of, quotas

EDEMA = OBSERVATIONS.index("Edema")


def _cases(kinds):
    """Make studies of patients: {"p1": "an"} has an abnormal and a normal study."""
    rows = [(patient, kind) for patient, own in kinds.items() for kind in own]
    labels = [[1 if kind == "a" and place == EDEMA else MISSING for place in range(14)] for _, kind in rows]
    ids = [f"s{row}" for row in range(len(rows))]
    return Cases.of({"study_id": ids, "patient_id": [one for one, _ in rows], "labels": labels}, Path("none"))


def test_each_patient_gives_one_study():
    cases = _cases({f"p{number}": "an" for number in range(20)})
    drawn = candidates(cases, 3)
    rows = [*drawn.abnormal, *drawn.normal]

    assert len(rows) == 20
    assert len({cases.patient_ids[row] for row in rows}) == 20
    assert all(cases.abnormal[row] for row in drawn.abnormal)
    assert not any(cases.abnormal[row] for row in drawn.normal)
    assert candidates(cases, 3) == drawn
    assert candidates(cases, 4) != drawn


def test_studies_whose_patient_nobody_knows_are_their_own():
    drawn = candidates(_cases({"": "aann"}), 0)

    assert (len(drawn.abnormal), len(drawn.normal)) == (2, 2)


@pytest.mark.parametrize(
    ("abnormal", "normal", "share", "expected"),
    [(10, 10, 0.5, (5, 5)), (2, 10, 0.5, (2, 8)), (10, 2, 0.5, (8, 2)), (10, 10, 0, (0, 10)), (10, 0, 0, (10, 0))],
)
def test_what_one_kind_lacks_the_other_gives(abnormal, normal, share, expected):
    kinds = {f"a{number}": "a" for number in range(abnormal)} | {f"n{number}": "n" for number in range(normal)}

    assert quotas(Plan("x", num_cases=10, abnormal_share=share), candidates(_cases(kinds), 0)) == expected


def test_too_few_patients_are_refused():
    with pytest.raises(DataError, match="has 3 patients, one case each; expected 4"):
        quotas(Plan("x", num_cases=4), candidates(_cases({"p1": "aaa", "p2": "n", "p3": "n"}), 0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": " "}, "no name"),
        ({"split": "train"}, "the evidence itself"),
        ({"num_cases": 1}, "1 cases: expected 2 to 500"),
        ({"abnormal_share": 1.5}, "expected 0 to 1"),
        ({"repeat_share": 0.6}, r"expected 0 to 0\.5"),
        ({"pause_minutes": 0}, "expected more than 0"),
        ({"sources": ("reference", "oracle")}, "source oracle: expected some of reference"),
    ],
)
def test_a_plan_out_of_range_is_refused(changed, message):
    with pytest.raises(ConfigError, match=message):
        Plan(**{"name": "x"} | changed)


def test_a_plan_comes_back_from_its_document_and_any_change_changes_the_digest():
    plan = Plan("x", num_cases=7, seed=3)
    told = document(plan, {"run": "a"})

    assert plan_of(told["plan"]) == plan
    assert digest(told) == digest(document(plan, {"run": "a"}))
    assert digest(told) != digest(document(plan, {"run": "b"}))
