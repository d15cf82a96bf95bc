from __future__ import annotations

from dataclasses import replace

import pytest

from medxpert.exchange import Reply
from medxpert.ontology import OBSERVATIONS
from medxpert.questions.asked import understand
from medxpert.questions.reply import reply
from medxpert.reporting import Change, Verdict
from tests.questions.cases import LEFT, change, clear, evidence

CANNOT = "Cannot tell from this image"


def asked(text: str, verdicts: tuple[Verdict, ...] | None = None, changes: list[Change] | None = None) -> Reply:
    return reply(understand(text), evidence() if verdicts is None else verdicts, changes)


@pytest.mark.parametrize(
    ("text", "value", "confidence"),
    [
        ("Is there a pleural effusion?", "yes", 0.9),
        ("Is there no pleural effusion?", "yes", 0.9),
        ("Is there a left effusion?", "yes", 0.9 * 0.85),
        ("Is there a right effusion?", "no", 1 - 0.9 * 0.2),
        ("Are there bilateral effusions?", "no", 1 - 0.9 * 0.05),
        ("Is there a large effusion?", "yes", 0.9 * 0.7),
        ("Is there a small effusion?", "no", 1 - 0.9 * 0.1),
        ("Is there a nodule?", "yes", 0.3),
        ("Is there pneumonia?", "no", 0.88),
        ("Any effusion or pneumothorax?", "yes", 1 - 0.1 * 0.99),
        ("Edema or pneumothorax?", "no", 0.99**2),
        ("Is the heart normal?", "yes", 0.99),
        ("Can an effusion be excluded?", "no", 0.9),
        ("Is the image normal?", "no", 0.95),
        ("Is the image abnormal?", "yes", 0.95),
        ("Which side is the effusion on?", "left", 0.72),
        ("How large is the effusion?", "severe", 0.63),
    ],
)
def test_closed_questions(text: str, value: str, confidence: float) -> None:
    answer = asked(text)
    assert (answer.value, answer.answerable, answer.reporter) == (value, True, "template")
    assert answer.confidence == pytest.approx(confidence, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Is there an effusion?", "Yes. There is a large left pleural effusion."),
        ("Is there a nodule?", "Possibly. Possible lung nodule or mass."),
        ("Is there edema?", "No. No pulmonary edema is seen."),
        ("Is there a right effusion?", "No. The pleural effusion is more likely left."),
        ("Is there a small effusion?", "No. The pleural effusion is more likely large."),
        (
            "Any effusion or pneumothorax?",
            "Yes. There is a large left pleural effusion. No pneumothorax is seen.",
        ),
        (
            "Is the pleura normal?",
            "No. There is a large left pleural effusion. No pneumothorax or pleural thickening is seen.",
        ),
        ("Are the lungs free of nodules?", "Possibly not. Possible lung nodule or mass."),
        ("Which side is the effusion?", "The pleural effusion is on the left."),
        (
            "Is there a right nodule?",
            "No. A lung nodule or mass is only possible; if it is there, it is more likely left.",
        ),
        ("How big is the nodule?", "A lung nodule or mass is only possible; if it is there, it is more likely large."),
        ("How bad is the effusion?", "The pleural effusion is large."),
        ("Is the chest normal?", "No. There is a large left pleural effusion. Possible lung nodule or mass."),
        ("What about tubes?", "No. No support device is seen."),
    ],
)
def test_answers_are_plain_sentences(text: str, answer: str) -> None:
    assert asked(text).answer == answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Which side is the pneumothorax on?", "no pneumothorax is seen"),
        ("How severe is the edema?", "no pulmonary edema is seen"),
        ("Which side is the heart enlarged on?", "cardiomegaly has no side"),
        ("How severe is the pneumonia?", "the evidence tells no severity of pneumonia"),
        ("Where are the nodule and the pneumothorax and the fracture?", ""),
        ("How many nodules are there?", "not how many"),
        ("What changed since the last film?", "no prior image was given; give prior=FILE"),
        ("How old is the patient?", "how old"),
        ("Is there a fracture of the knee?", "another part of the body"),
    ],
)
def test_what_cannot_be_told_is_not_told(text: str, reason: str) -> None:
    answer = asked(text)
    if not reason:
        assert answer.value == "left"
        return
    assert answer.answer.startswith(f"{CANNOT}: ")
    assert reason in answer.answer
    assert (answer.value, answer.confidence, answer.evidence, answer.answerable) == ("", None, (), False)


def test_who_asks_where_something_is_knows_that_it_is_there() -> None:
    answer = asked("Which side is the pneumonia on?")
    assert answer.answer == "Pneumonia is unlikely here; if it is there, it is more likely left."
    assert (answer.value, answer.confidence) == ("left", pytest.approx(0.12 * 0.8))
    assert asked("Is there pneumonia?").value == "no"


def test_nothing_is_told_without_evidence() -> None:
    blind = tuple(Verdict(name) for name in OBSERVATIONS)
    for text in (
        "Is there an effusion?",
        "How many findings?",
        "What do you see?",
        "Which side is the effusion on?",
        "Is it normal?",
    ):
        assert not asked(text, blind).answerable
    partly = (*blind[:-1], Verdict(OBSERVATIONS[-1], "absent", 0.02))
    assert asked("Is there a pacemaker?", partly).value == "no"
    assert "no evidence speaks of pneumothorax" in asked("Is there a pacemaker or a pneumothorax?", partly).answer


def test_a_clear_chest_is_called_normal() -> None:
    assert asked("Is the image normal?", clear()).answer == "Yes. No acute cardiopulmonary abnormality."
    assert asked("Is it abnormal?", clear()).value == "no"
    assert asked("How many abnormalities are there?", clear()).value == "0"
    assert asked("What do you see?", clear()).answer.startswith("No acute cardiopulmonary abnormality. No mediastinal")
    assert "no abnormality is seen" in asked("Where is the abnormality?", clear()).answer


def test_the_number_is_the_likeliest_of_all_combinations() -> None:
    answer = asked("How many abnormalities are there?")
    assert (answer.value, answer.answer) == ("1", "1 abnormality is likely: pleural effusion.")
    alone = (0.9 * 0.7 * 0.88 + 0.1 * 0.3 * 0.88 + 0.1 * 0.7 * 0.12) * 0.99**9 + 0.1 * 0.7 * 0.88 * 9 * 0.01 * 0.99**8
    assert answer.confidence == pytest.approx(alone, abs=1e-4)


def test_an_open_answer_names_what_is_there_possible_and_absent() -> None:
    answer = asked("What do you see?")
    assert answer.answer.startswith("There is a large left pleural effusion. Possible lung nodule or mass. No ")
    assert "pneumonia" not in answer.answer
    assert answer.value == ""
    assert asked("Describe the heart").answer == "No cardiomegaly is seen."


def test_courses_come_from_the_comparison() -> None:
    told = [change("Pleural Effusion", "worse"), change("Edema", "unchanged", 0.9), change("Fracture", "new", 0.6)]
    answer = asked("Has the effusion grown?", changes=told)
    assert (answer.value, answer.confidence) == ("worse", 0.7)
    assert answer.answer == "The pleural effusion is likely worse."
    assert answer.evidence == ("s6", "probe")
    everything = asked("What changed?", changes=told)
    assert everything.answer == "The pleural effusion is likely worse. The fracture is likely new."
    assert (everything.value, everything.confidence) == ("", pytest.approx(0.42))
    still = asked("What changed?", changes=told[1:2])
    assert (still.answer, still.value) == ("No change is likely between the two images.", "unchanged")
    assert "no prior" not in asked("Is the edema new?", changes=[]).answer
    assert "what became of pneumothorax" in asked("Is the pneumothorax new?", changes=told).answer


def test_an_absence_on_both_images_is_said_so() -> None:
    absent = Verdict("Edema", "absent", 0.01)
    told = replace(change("Edema", "unchanged"), before=absent, now=absent)
    assert asked("Is the edema better?", changes=[told]).answer == "No pulmonary edema is seen on either image."


def test_evidence_is_the_nearest_cases_and_the_scores() -> None:
    assert asked("Is there an effusion?").evidence == ("s1", "s2", "s3", "probe", "cases")
    assert asked("Is there edema or a fracture?").evidence == ("s9", "probe")


def test_doubt_is_repeated_where_something_is_told() -> None:
    question = understand("Is there an effusion?")
    assert reply(question, evidence(), doubt="The picture is unusual.").answer.endswith(
        "This is weak evidence: The picture is unusual."
    )
    assert "weak" not in reply(understand("How old is she?"), evidence(), doubt="It is unusual").answer


def test_a_finding_on_both_sides_is_on_either() -> None:
    both = Verdict("Pleural Effusion", "present", 0.9, sides={"left": 0.1, "right": 0.1, "bilateral": 0.8})
    for side, value in (("left", "yes"), ("right", "yes"), ("bilateral", "yes")):
        assert asked(f"Is there a {side} effusion?", evidence(effusion=both)).value == value
    one = replace(both, sides=LEFT)
    assert asked("Are there bilateral effusions?", evidence(effusion=one)).value == "no"
