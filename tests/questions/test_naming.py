from __future__ import annotations

import pytest

from medxpert.questions.naming import name, plain, region


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Isn't there a left-sided effusion?", "is not there a left sided OBS?"),
        ("r/o PNA", "rule out OBS"),
        ("Is there a knee effusion?", "is there a NIL?"),
        ("Consolidation behind the heart?", "OBS behind the heart?"),
        ("Is the heart enlarged?", "is the OBS enlarged?"),
    ],
)
def test_observations_are_masked(text: str, masked: str) -> None:
    assert name(text).masked == masked


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("left effusion", "left"),
        ("effusion on the left and right", "bilateral"),
        ("effusions in both lungs", "bilateral"),
        ("both an effusion and an opacity", ""),
        ("is it all right to see an effusion, right?", ""),
        ("left ventricular enlargement", ""),
    ],
)
def test_sides_are_those_of_the_finding(text: str, side: str) -> None:
    assert name(text).side == side


def test_a_big_heart_is_no_severe_one() -> None:
    assert name("is the heart big?").severity == ""
    assert name("a big effusion").severity == "severe"
    assert name("small or large effusion").severities == ("mild", "severe")


def test_parts_of_the_chest_stand_for_what_they_may_show() -> None:
    assert region("is the pleura fine") == ("Pneumothorax", "Pleural Effusion", "Pleural Other")
    assert region("is the sky blue") == ()


def test_invisible_letters_are_left_out() -> None:
    assert plain("Pneumo\u200bthorax?") == "pneumothorax?"
