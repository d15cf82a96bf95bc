from dataclasses import replace

import pytest

from medxpert.evaluation.questions.blind import CANNOT, chance, majority, truth_of
from medxpert.phantom.questions import AskedPhantom

ASKED = AskedPhantom("s", "p", "", "?", "presence", "Edema", "", "", "presence 1", "yes")
NO = replace(ASKED, answer="no")
NEVER = replace(ASKED, answer="", answerable=False, reason="no prior")


def test_chance_counts_the_answers_that_occur_for_an_observation():
    side = replace(ASKED, kind="side", answer="left")
    asked = [ASKED, NO, NO, side, replace(side, answer="right"), replace(side, observation="Fracture"), NEVER]
    assert chance(asked).tolist() == [0.5, 0.5, 0.5, 0.5, 0.5, 1, 0]


def test_the_commonest_answer_to_the_same_question_wins():
    other = replace(ASKED, template="presence 2")
    answer = majority([ASKED, NO, NO, other])
    assert answer(ASKED) == "no"
    assert answer(other) == "yes"


def test_unknown_questions_get_the_answer_to_the_nearest_ones():
    answer = majority([NO, NO, replace(ASKED, template="presence 2")])
    assert answer(replace(ASKED, observation="Fracture")) == "no"
    assert answer(replace(ASKED, template="presence 2", observation="Fracture")) == "yes"
    assert answer(replace(ASKED, template="presence 9")) == "no"
    assert answer(replace(ASKED, template="count 1", kind="count")) == ""


@pytest.mark.parametrize("known", [[ASKED, NEVER], [NEVER, ASKED]])
def test_of_equals_an_answer_is_rather_given(known):
    assert majority(known, answerable=False)(ASKED) == "yes"


def test_questions_without_an_answer_may_count():
    known = [ASKED, NEVER, NEVER]
    assert majority(known)(ASKED) == "yes"
    assert majority(known, answerable=False)(ASKED) == CANNOT
    assert truth_of(NEVER) == CANNOT
