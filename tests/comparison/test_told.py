import json
from importlib.resources import files

import pytest

from medxpert.comparison.course import CHANGED, COMPARED
from medxpert.comparison.told import comparison_text
from medxpert.reporting import Change, Verdict


def change(observation, course="unchanged", probability=0.9, before=("absent", ""), now=("absent", "")):
    verdicts = (
        Verdict(observation, status, laterality=side) for status, side in (before, now)
    )  # the text needs no more of them
    return Change(observation, course, probability, {}, *verdicts)


UNKNOWN = change("Fracture", "", None, ("", ""), ("", ""))
LEFT, RIGHT, THERE, NOTHING = ("present", "left"), ("present", "right"), ("present", ""), ("absent", "")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            [
                change("Edema"),
                change("Pneumothorax", "new", 0.34, NOTHING, RIGHT),
                change("Pleural Effusion", "worse", 0.61, LEFT, LEFT),
            ],
            "Compared with the prior image: the left pleural effusion is worse (61 %). Possible, but uncertain: the "
            "right pneumothorax is new (34 %). No other change is likely.",
        ),
        (
            [
                change("Edema", "better", 0.5, THERE, THERE),
                change("Pneumothorax", "resolved", 0.999, RIGHT, NOTHING),
                change("Pleural Effusion", "new", 0.7, NOTHING, ("present", "bilateral")),
            ],
            "Compared with the prior image: the right pneumothorax has resolved (over 99 %), the bilateral pleural "
            "effusion is new (70 %) and the pulmonary edema is better (50 %). No other change is likely.",
        ),
        ([change("Edema"), change("Fracture")], "Compared with the prior image, no change is likely."),
        (
            [change("Edema"), change("Cardiomegaly", "unchanged", 0.77, THERE, THERE)],
            "Compared with the prior image, no change is likely. Unchanged: the cardiomegaly (77 %).",
        ),
        (
            [change("Edema", "new", 0.25), change("Fracture", "resolved", 0.19)],
            "Compared with the prior image, no change is certain. Possible, but uncertain: the pulmonary edema is new "
            "(25 %). No other change is likely.",
        ),
        (
            [change("Support Devices", "resolved", 0.8), UNKNOWN],
            "Compared with the prior image: the support devices were removed (80 %). No other change is likely. Not "
            "compared, for want of evidence: fracture.",
        ),
        ([UNKNOWN], "The evidence does not tell what changed since the prior image."),
        ([], "The evidence does not tell what changed since the prior image."),
    ],
)
def test_text(changes, text):
    assert comparison_text(changes) == text
    assert comparison_text(changes[::-1]) == text


@pytest.mark.parametrize(
    ("course", "before", "now", "name"),
    [
        ("worse", LEFT, RIGHT, "the consolidation"),
        ("worse", LEFT, THERE, "the left consolidation"),
        ("new", LEFT, RIGHT, "the right consolidation"),
        ("resolved", LEFT, RIGHT, "the left consolidation"),
    ],
)
def test_a_side_is_named_where_the_images_agree(course, before, now, name):
    assert f"{name} " in comparison_text([change("Consolidation", course, 0.9, before, now)])


def test_every_observation_and_course_has_its_words():
    words = json.loads(files("medxpert.comparison").joinpath("words.json").read_text("utf-8"))
    assert set(words["observations"]) == set(COMPARED)
    assert set(words["courses"]) == set(CHANGED)
    for observation in COMPARED:
        for course in CHANGED:
            assert "{" not in comparison_text([change(observation, course, 0.9)])
