"""What an impression says against a reader."""

import pytest

from medxpert.overruling import Overruled, left, weighed
from medxpert.reporting import Diagnosis, Finding

LEFT = Finding("Pleural Effusion", "present", "Left effusion.", "left", "mild")
NONE = Finding("Pneumothorax", "absent", "No pneumothorax.")


def to(before: Finding, now: Finding | None) -> dict[str, Overruled]:
    return {before.observation: Overruled(before, now)}


@pytest.mark.parametrize(
    ("line", "overruled", "text"),
    [
        ("Left pleural effusion.", {}, "Left pleural effusion."),
        ("Left pleural effusion. [weak support]", {}, "Left pleural effusion. [weak support]"),
        ("Left pleural effusion.", to(LEFT, None), ""),
        ("Possible pleural effusion. [weak support]", to(LEFT, None), ""),
        ("Left pleural effusion and edema.", to(LEFT, None), "Left pleural effusion and edema. [unsupported]"),
        ("No pleural effusion.", to(LEFT, None), "No pleural effusion."),
        ("No pneumothorax.", to(NONE, None), ""),
        ("Pneumothorax.", to(NONE, None), "Pneumothorax."),
        ("Left pleural effusion.", to(LEFT, LEFT), "Left pleural effusion."),
        ("Pleural effusion.", to(LEFT, LEFT), "Pleural effusion."),
        ("Right pleural effusion.", to(LEFT, LEFT), "Right pleural effusion. [unsupported]"),
        ("Large pleural effusion.", to(LEFT, LEFT), "Large pleural effusion. [unsupported]"),
        ("No pleural effusion.", to(LEFT, LEFT), "No pleural effusion. [unsupported]"),
        ("Follow-up is advised.", to(LEFT, None), "Follow-up is advised."),
    ],
)
def test_sentences_of_the_impression(line, overruled, text):
    said = weighed(line, overruled)

    assert said.text == text
    assert (said.problem is None) == (text == line)


def test_a_reader_who_wrote_the_impression_loses_nothing_of_it():
    said = weighed("Left pleural effusion.", to(LEFT, None), chosen=True)

    assert said.text == "Left pleural effusion. [unsupported]"


@pytest.mark.parametrize(
    ("name", "overruled", "stays"),
    [
        ("Pleural effusion", to(LEFT, None), False),
        ("Possible pleural effusion [weak support]", to(LEFT, None), False),
        ("Pleural effusion", to(LEFT, Finding("Pleural Effusion", "absent", "No effusion.")), False),
        ("Pleural effusion", to(LEFT, LEFT), True),
        ("Pleural effusion", to(NONE, None), True),
        ("Something else", to(LEFT, None), True),
    ],
)
def test_diagnoses(name, overruled, stays):
    assert left(Diagnosis(name), overruled) is stays
