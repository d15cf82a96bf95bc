import numpy as np
import pytest

from medxpert.errors import ConfigError
from medxpert.evidence.calibrated import Calibration, Platt, Readout
from medxpert.evidence.rule import Rule, verdicts
from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.words import Hit

PLACES = {name: place for place, name in enumerate(OBSERVATIONS)}
D = 3


def odds(**values):
    row = np.full((1, 14), np.nan)
    for name, p in values.items():
        row[0, PLACES[name.replace("_", " ")]] = np.log(p / (1 - p))
    return row


def calibration(sides_bound=0.5):
    ones, zeros = np.ones(14), np.zeros(14)
    weights = np.zeros((14, D, 3))
    weights[:, 0, 0], weights[:, 0, 1] = 5, -5
    return Calibration(
        mean=np.zeros(D),
        scale=np.ones(D),
        probe=np.zeros((D + 1, 14)),
        prompts=np.zeros((14, D)),
        sources={name: Platt(ones, zeros) for name in ("probe", "cases")},
        weights={"probe": ones / 2, "cases": ones / 2},
        bias=zeros,
        sides=Readout(weights, np.zeros((14, 3)), np.full(14, sides_bound)),
        severities=Readout(weights, np.zeros((14, 3)), np.full(14, np.nan)),
    )


def hits(*labels):
    return [Hit(n, 0.9, f"s{n}", f"p{n}", "", one, n) for n, one in enumerate(labels, 1)]


def told(name, log_odds, found=(), vector=None, rule=None, **options):
    every = verdicts(calibration(**options), rule or Rule(), log_odds, found, vector)
    assert [one.observation for one in every] == list(OBSERVATIONS)
    return every[PLACES[name]]


@pytest.mark.parametrize(
    ("probability", "contradictory", "status"),
    [
        (0.4, False, "present"),
        (0.39, False, "uncertain"),
        (0.2, False, "uncertain"),
        (0.19, False, ""),
        (0.11, False, ""),
        (0.1, False, "absent"),
        (0.6, True, "uncertain"),
        (0.7, True, "present"),
        (None, False, ""),
    ],
)
def test_rule(probability, contradictory, status):
    assert Rule().status(probability, contradictory) == status


@pytest.mark.parametrize("bounds", [(0.4, 0.5, 0.1), (0.5, 0.2, 0.3), (1.1, 0.2, 0.1), (0.5, 0.2, -0.1)])
def test_bounds_that_cannot_be(bounds):
    with pytest.raises(ConfigError, match=r"change rule\.\*"):
        Rule(*bounds)


def test_verdict_weighs_its_sources_and_cites_the_cases_that_agree():
    found = told(
        "Edema",
        {"probe": odds(Edema=0.9), "cases": odds(Edema=0.9)},
        hits({"Edema": 1}, {"Edema": 0}, {"Edema": -1}, {}, {"Edema": 1}),
    )
    assert (found.status, found.cases, found.scores) == ("present", ("s1", "s5"), {"probe": 0.9, "cases": 0.9})
    assert found.probability == pytest.approx(0.9, abs=1e-4)


def test_absence_is_cited_from_normal_cases_too():
    found = told("Edema", {"cases": odds(Edema=0.01)}, hits({NO_FINDING: 1}, {"Edema": 1}, {"Edema": 0}))
    assert (found.status, found.cases) == ("absent", ("s1", "s3"))


def test_contradiction_is_flagged_and_hedged():
    found = told("Edema", {"probe": odds(Edema=0.998), "cases": odds(Edema=0.05)})
    assert found.contradictory
    assert found.status == "present"
    found = told("Edema", {"probe": odds(Edema=0.9), "cases": odds(Edema=0.09)})
    assert (found.contradictory, found.status) == (True, "uncertain")


def test_one_source_alone_stands_for_itself():
    assert told("Edema", {"cases": odds(Edema=0.7)}).probability == pytest.approx(0.7, abs=1e-4)
    assert told("Edema", {"cases": odds()}).probability is None


def test_caption_adds_to_what_was_fitted():
    both = {"probe": odds(Edema=0.5), "cases": odds(Edema=0.5)}
    caption = np.full((1, 14), np.nan)
    caption[0, PLACES["Edema"]] = 1.0
    found = told("Edema", both | {"caption": caption})
    assert found.probability == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)
    assert told("Fracture", both | {"caption": caption}).probability is None


@pytest.mark.parametrize(
    ("vector", "probability", "bound", "side"),
    [
        ([1, 0, 0], 0.9, 0.5, "left"),
        ([-1, 0, 0], 0.3, 0.5, "right"),
        ([1, 0, 0], 0.05, 0.5, ""),
        ([0, 0, 0], 0.9, 0.5, ""),
        ([1, 0, 0], 0.9, np.nan, ""),
    ],
)
def test_side_is_told_of_what_may_be_there_where_it_is_sure(vector, probability, bound, side):
    both = {name: odds(Edema=probability) for name in ("probe", "cases")}
    found = told("Edema", both, vector=np.array(vector, float), sides_bound=bound)
    assert (found.laterality, found.severity) == (side, "")


def test_no_finding_gives_way_to_any_pathology():
    normal = {"cases": odds(No_Finding=0.9, Edema=0.02)}
    assert told(NO_FINDING, normal).status == "present"
    assert told(NO_FINDING, {"cases": odds(No_Finding=0.9, Edema=0.3)}).status == ""
    assert told(NO_FINDING, {"cases": odds(No_Finding=0.05)}).status == ""
    assert told(NO_FINDING, {"cases": odds(No_Finding=0.9, Support_Devices=0.9)}).status == "present"
