from __future__ import annotations

import pytest

from medxpert.exchange import Reply
from medxpert.questions.asked import understand
from medxpert.questions.check import check
from medxpert.questions.reading import value_of
from medxpert.questions.reply import reply
from tests.questions.cases import change, clear, evidence


def checked(
    text: str, answer: str, value: str = "", cited: tuple[str, ...] = ("s1",), answerable: bool = True
) -> Reply:
    written = Reply(text, answer, 0.999, cited, answerable, "gemini", value)
    return check(written, understand(text), evidence())


def kinds(told: Reply) -> list[tuple[str, str]]:
    return [(one.kind, one.action) for one in told.problems]


def test_a_true_answer_stays_as_it_is_with_our_confidence() -> None:
    told = checked("Is there an effusion?", "Yes, there is a large left pleural effusion.", "yes")
    assert (told.answer, told.value) == ("Yes, there is a large left pleural effusion.", "yes")
    assert (told.confidence, told.evidence, told.reporter, told.problems) == (0.9, ("s1",), "gemini", ())


def test_an_answer_against_the_evidence_is_marked() -> None:
    told = checked("Is there an effusion?", "No.", "no")
    assert (told.answer, told.value, told.confidence) == ("No. [unsupported]", "no", 0.1)
    assert kinds(told) == [("contradicted", "marked")]


def test_a_claim_that_nothing_supports_is_marked() -> None:
    told = checked(
        "Is there an effusion?", "Yes. There is a left pleural effusion. There is a right pneumothorax.", "yes"
    )
    assert told.answer == "Yes. There is a left pleural effusion. There is a right pneumothorax. [unsupported]"
    assert kinds(told) == [("contradicted", "marked")]
    assert told.value == "yes"


@pytest.mark.parametrize(
    ("text", "answer", "kind"),
    [
        ("Is there an effusion?", "Yes, a right pleural effusion.", "side"),
        ("Is there an effusion?", "Yes. It is caused by heart failure.", "beyond_evidence"),
        ("What do you see?", "There is pulmonary edema.", "contradicted"),
        ("What do you see?", "The chest is normal.", "contradicted"),
        ("How large is the effusion?", "The pleural effusion is small.", "severity"),
    ],
)
def test_other_lies_are_marked_too(text: str, answer: str, kind: str) -> None:
    told = checked(text, answer)
    assert "[unsupported]" in told.answer
    assert (kind, "marked") in kinds(told)


def test_what_cannot_be_read_is_unchecked() -> None:
    told = checked("What do you see?", "There is a left pleural effusion. The cat sat on the mat.")
    assert told.answer == "There is a left pleural effusion. The cat sat on the mat. [unchecked]"


def test_citations_that_do_not_exist_or_fit_are_dropped() -> None:
    told = checked("Is there an effusion?", "Yes.", "yes", ("s1", "invented", "s5", "probe", "s1"))
    assert told.evidence == ("s1", "probe")
    assert kinds(told) == [("unknown_evidence", "dropped"), ("unrelated_evidence", "dropped")]


def test_what_a_film_cannot_tell_is_not_told() -> None:
    told = checked("How old is the patient?", "About 65 years.")
    assert told.answer.startswith("Cannot tell from this image: ")
    assert (told.value, told.confidence, told.evidence, told.answerable) == ("", None, (), False)
    assert kinds(told) == [("beyond_evidence", "dropped")]
    assert told.problems[0].text == "About 65 years."
    assert checked("How old is the patient?", "Cannot tell from this image.", answerable=False).problems == ()
    assert kinds(checked("Which side is the pneumothorax on?", "On the left.", "left")) == [
        ("beyond_evidence", "dropped")
    ]


def test_a_model_may_be_less_sure_than_the_evidence() -> None:
    told = checked("Is there an effusion?", "Cannot tell from this image.", answerable=False)
    assert (told.answerable, told.value, told.confidence) == (False, "", None)
    assert kinds(told) == [("understated", "noted")]


@pytest.mark.parametrize(
    ("text", "answer", "value"),
    [
        ("Is there an effusion?", "Yes, clearly.", "yes"),
        ("Is there an effusion?", "A pleural effusion is present.", "yes"),
        ("Is there an effusion?", "There is no effusion.", "no"),
        ("Is there an effusion?", "Possibly an effusion.", ""),
        ("Are the lungs free of consolidation?", "No consolidation is seen.", "yes"),
        ("Which side is the effusion on?", "LEFT", "left"),
        ("Which side is the effusion on?", "On the left and on the right.", "bilateral"),
        ("Which side is the effusion on?", "I do not know.", ""),
        ("How large is the effusion?", "It is huge.", "severe"),
        ("How large is the effusion?", "Small to moderate.", ""),
        ("How many findings are there?", "There are two findings.", "2"),
        ("How many findings are there?", "None.", "0"),
        ("How many findings are there?", "1 or 2", ""),
        ("Has the effusion grown?", "It has increased.", "worse"),
        ("Has the effusion grown?", "Better or worse.", ""),
        ("What do you see?", "Yes.", ""),
    ],
)
def test_a_value_is_read_where_it_is_unambiguous(text: str, answer: str, value: str) -> None:
    assert value_of(understand(text), answer) == value


def test_the_words_count_where_value_and_words_differ() -> None:
    told = checked("Is there an effusion?", "Yes, there is a pleural effusion.", "no")
    assert told.value == "yes"
    assert kinds(told) == [("mismatch", "noted")]


def test_courses_need_a_prior_and_agree_with_it() -> None:
    question = understand("Has the effusion grown?")
    written = Reply(question.text, "The pleural effusion is worse.", None, ("s6",), True, "openai", "worse")
    assert not check(written, question, evidence(), None).answerable
    assert check(written, question, evidence(), [change("Pleural Effusion", "worse")]).problems == ()
    against = check(written, question, evidence(), [change("Pleural Effusion", "better")])
    assert against.answer.endswith("[unsupported]")
    assert against.confidence == pytest.approx(0.075)


@pytest.mark.parametrize(
    "text",
    [
        "Is there an effusion?",
        "Is there a nodule?",
        "Is there a right effusion?",
        "Any effusion or pneumothorax?",
        "Is the image normal?",
        "Are the lungs clear?",
        "Which side is the effusion on?",
        "How large is the effusion?",
        "How many abnormalities are there?",
        "What do you see?",
        "How old is the patient?",
    ],
)
def test_our_own_answers_pass(text: str) -> None:
    question = understand(text)
    for verdicts in (evidence(), clear()):
        own = reply(question, verdicts)
        again = check(own, question, verdicts)
        assert (again.answer, again.value, again.confidence) == (own.answer, own.value, own.confidence)
        assert not [one for one in again.problems if one.action != "noted"]
