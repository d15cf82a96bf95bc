from dataclasses import replace

import pytest

from medxpert.comparison.course import changes
from medxpert.evaluation.questions.answered import Answered, Answerer, answer_all, true_verdicts
from medxpert.evidence.rule import Rule
from medxpert.exchange import Question, Reply
from medxpert.ontology import OBSERVATIONS
from medxpert.phantom.facts import Film
from medxpert.phantom.questions import AskedPhantom

FLUID = {
    "kind": "effusion",
    "observation": "Pleural Effusion",
    "side": "left",
    "severity": 2,
    "faint": False,
    "seed": 1,
}
HAZE = FLUID | {"kind": "haze", "observation": "Lung Opacity", "side": "bilateral"}
ASKED = AskedPhantom("s2", "p", "", "Is it?", "presence", "Edema", "left", "", "presence 1", "yes")
READ = Question("Is it?", "presence", ("Edema",), "left")
YES = Reply("Is it?", "Yes.", 0.9, (), True, "template", "yes", "presence")


def film(*findings):
    return Film("s2", "p", findings)


@pytest.mark.parametrize(
    ("asked", "reply", "right"),
    [
        (ASKED, YES, True),
        (ASKED, replace(YES, value=" Yes"), True),
        (ASKED, replace(YES, value="no"), False),
        (ASKED, replace(YES, answerable=False), False),
        (replace(ASKED, answer="no"), YES, False),
    ],
)
def test_an_answer_is_right_where_its_value_is(asked, reply, right):
    assert Answered(asked, READ, reply).is_right is right


@pytest.mark.parametrize(
    ("asked", "read", "well"),
    [
        (ASKED, READ, True),
        (ASKED, replace(READ, kind="open"), False),
        (ASKED, replace(READ, observations=()), False),
        (ASKED, replace(READ, observations=("Edema", "Fracture")), False),
        (ASKED, replace(READ, side=""), False),
        (ASKED, replace(READ, severity="mild"), False),
        (replace(ASKED, observation="No Finding", side=""), Question("", "presence"), True),
        (replace(ASKED, kind="count", observation=""), Question("", "count"), True),
        (replace(ASKED, kind="count", observation=""), Question("", "count", ("Support Devices",)), False),
        (replace(ASKED, kind="side", side=""), Question("", "side", ("Edema",), "left"), True),
        (replace(ASKED, kind="other", observation=""), Question("", "other", ("Edema",), reason="so"), True),
    ],
)
def test_a_question_is_understood_where_all_is_that_it_names(asked, read, well):
    assert Answered(asked, read, YES).is_understood is well


def test_questions_get_the_verdicts_of_their_study_and_changes_where_there_is_a_prior():
    seen = []

    def reply(question, verdicts, found):
        seen.append((verdicts, found))
        return YES

    answerer = Answerer(lambda text: replace(READ, text=text), reply, lambda before, now: (before, now))
    asked = [ASKED, replace(ASKED, study_id="s1"), replace(ASKED, prior_id="s1")]
    answers = answer_all(asked, {"s1": "first", "s2": "second"}, answerer)
    assert seen == [("second", None), ("first", None), ("second", ("first", "second"))]
    assert [one.asked for one in answers] == asked


def test_equal_texts_are_read_once():
    read = []
    answerer = Answerer(lambda text: read.append(text) or READ, lambda *_: YES, lambda *_: ())
    answer_all([ASKED] * 3, {"s2": ()}, answerer)
    assert read == ["Is it?"]


def test_true_verdicts_say_what_the_film_shows():
    told = {one.observation: one for one in true_verdicts(film(FLUID, HAZE))}
    assert tuple(told) == OBSERVATIONS
    fluid, haze = told["Pleural Effusion"], told["Lung Opacity"]
    assert (fluid.status, fluid.probability, fluid.laterality, fluid.severity) == ("present", 1, "left", "moderate")
    assert fluid.sides == {"left": 1, "right": 0, "bilateral": 0}
    assert (haze.laterality, haze.severity) == ("bilateral", "severe")
    assert (told["Edema"].status, told["Edema"].probability) == ("absent", 0)
    assert (told["No Finding"].status, told["No Finding"].probability) == ("", 0)


def test_true_verdicts_of_a_normal_film():
    told = {one.observation: one for one in true_verdicts(film())}
    assert told["No Finding"].status == "present"
    assert {one.status for name, one in told.items() if name != "No Finding"} == {"absent"}


def test_true_verdicts_agree_with_the_rule():
    for one in true_verdicts(film(FLUID)):
        assert one.status in ("", Rule().status(one.probability))


@pytest.mark.parametrize(
    ("before", "now", "course"),
    [
        ((), (FLUID,), "new"),
        ((FLUID,), (), "resolved"),
        ((FLUID,), (FLUID,), "unchanged"),
        ((FLUID,), (FLUID | {"severity": 3},), "worse"),
        ((FLUID,), (FLUID | {"severity": 1},), "better"),
    ],
)
def test_true_verdicts_give_true_changes(before, now, course):
    found = changes(true_verdicts(film(*before)), true_verdicts(film(*now)))
    assert next(one.course for one in found if one.observation == "Pleural Effusion") == course
