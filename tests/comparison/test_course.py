from itertools import product

import pytest

from medxpert.comparison.course import CHANGED, COURSES, PERSISTENCE, SAME_GRADE, changes
from medxpert.ontology import OBSERVATIONS
from medxpert.reporting import Verdict

GRADES = ("mild", "moderate", "severe")
SURE = {grade: dict.fromkeys(GRADES, 0.01) | {grade: 0.98} for grade in GRADES}
EVEN = {"mild": 0.5, "moderate": 0.3, "severe": 0.2}


def verdicts(**known):
    """Return 14 verdicts; (probability, severities) of those that are named, all others surely absent."""
    told = {name.replace("_", " "): values for name, values in known.items()}
    return tuple(
        Verdict(name, probability=told.get(name, (0.01, {}))[0], severities=told.get(name, (0.01, {}))[1])
        for name in OBSERVATIONS
    )


def change(before, now, observation="Pleural Effusion"):
    key = observation.replace(" ", "_")
    found = changes(verdicts(**{key: before}), verdicts(**{key: now}))
    return next(one for one in found if one.observation == observation)


def naive(before, now):
    """Weigh every pair of (absent or a grade) in both images."""
    weights = dict.fromkeys(COURSES, 0.0)
    both = {"worse": 0.0, "better": 0.0, "unchanged": 0.0}
    (p, old), (q, new) = before, now
    for (i, one), (j, other) in product(enumerate(GRADES), enumerate(GRADES)):
        course = "worse" if j > i else "better" if j < i else "unchanged"
        both[course] += old[one] * new[other] * (SAME_GRADE if i == j else 1)
    for course, weight in both.items():
        weights[course] += PERSISTENCE * p * q * weight / sum(both.values())
    weights["new"] += (1 - p) * q
    weights["resolved"] += p * (1 - q)
    weights["unchanged"] += (1 - p) * (1 - q)
    return {course: weight / sum(weights.values()) for course, weight in weights.items()}


def test_one_per_observation_in_order_without_no_finding():
    found = changes(verdicts(), verdicts())
    assert [one.observation for one in found] == [name for name in OBSERVATIONS if name != "No Finding"]
    assert {one.course for one in found} == {"unchanged"}


@pytest.mark.parametrize(
    ("before", "now", "course"),
    [
        ((0.02, EVEN), (0.97, EVEN), "new"),
        ((0.97, EVEN), (0.02, EVEN), "resolved"),
        ((0.97, SURE["mild"]), (0.97, SURE["severe"]), "worse"),
        ((0.97, SURE["severe"]), (0.97, SURE["moderate"]), "better"),
        ((0.97, SURE["moderate"]), (0.97, SURE["moderate"]), "unchanged"),
        ((0.02, EVEN), (0.03, EVEN), "unchanged"),
        ((0.97, {}), (0.97, SURE["severe"]), "unchanged"),
        ((0.97, {}), (0.97, {}), "unchanged"),
    ],
)
def test_course(before, now, course):
    found = change(before, now)
    assert found.course == course
    assert found.probability == found.courses[course] > 0.7


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("q", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("old", [EVEN, SURE["mild"], SURE["severe"]])
def test_probabilities_are_those_of_all_pairs_of_grades(p, q, old):
    found = change((p, old), (q, EVEN))
    assert found.courses == pytest.approx(naive((p, old), (q, EVEN)), abs=1e-4)
    assert sum(found.courses.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("before", "now"), [((0.9, SURE["mild"]), (0.8, SURE["severe"])), ((0.1, EVEN), (0.6, EVEN))])
def test_the_other_way_round_is_the_contrary(before, now):
    there, back = change(before, now).courses, change(now, before).courses
    contrary = {"new": "resolved", "resolved": "new", "worse": "better", "better": "worse", "unchanged": "unchanged"}
    assert there == pytest.approx({course: back[contrary[course]] for course in COURSES}, abs=1e-4)


def test_a_likely_change_is_named_before_it_is_likelier_than_none():
    found = change((0.05, EVEN), (0.3, EVEN))
    assert found.course == "new"
    assert 0.2 < found.probability < found.courses["unchanged"]
    assert change((0.05, EVEN), (0.15, EVEN)).course == "unchanged"


def test_what_was_surely_there_resolves_only_where_the_image_says_so_clearly():
    assert change((0.98, EVEN), (0.4, EVEN)).courses["resolved"] < 0.25
    assert change((0.98, EVEN), (0.02, EVEN)).courses["resolved"] > 0.8


def test_devices_are_new_or_gone_but_never_worse():
    for before, now in ((SURE["mild"], SURE["severe"]), (SURE["severe"], SURE["mild"])):
        courses = change((0.97, before), (0.97, now), "Support Devices").courses
        assert (courses["worse"], courses["better"]) == (0, 0)
    assert change((0.02, {}), (0.9, {}), "Support Devices").course == "new"


@pytest.mark.parametrize(("before", "now"), [((None, {}), (0.9, EVEN)), ((0.9, EVEN), (None, {})), ((None, {}),) * 2])
def test_nothing_is_known_where_one_image_tells_nothing(before, now):
    found = change(before, now)
    assert (found.course, found.probability, found.courses) == ("", None, {})
    assert (found.before.probability, found.now.probability) == (before[0], now[0])


def test_names():
    assert set(CHANGED) == {"new", "resolved", "worse", "better"}
