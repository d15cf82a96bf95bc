import pytest

from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.questions.asked import understand
from medxpert.questions.following import completed
from medxpert.questions.wording import plain

_EFFUSION = "Is there a pleural effusion?"


@pytest.mark.parametrize(
    ("text", "earlier", "read_as"),
    [
        ("Which side?", [_EFFUSION], "Which side is the pleural effusion on?"),
        ("on which side is it?", [_EFFUSION], "Which side is the pleural effusion on?"),
        ("And where?", [_EFFUSION], "Which side is the pleural effusion on?"),
        ("Left or right?", [_EFFUSION], "Which side is the pleural effusion on?"),
        ("How large?", [_EFFUSION], "How severe is the pleural effusion?"),
        ("how bad is it", [_EFFUSION], "How severe is the pleural effusion?"),
        ("Mild or severe?", ["Is the heart enlarged?"], "How severe is the cardiomegaly?"),
        ("And on the left?", [_EFFUSION], "Is there a left pleural effusion?"),
        ("What about the right side?", [_EFFUSION], "Is there a right pleural effusion?"),
        ("both sides?", [_EFFUSION], "Which side is the pleural effusion on?"),
        ("Is it on the left too?", ["Any pneumothorax?"], "Is there a left pneumothorax?"),
        ("A large one?", ["Any pneumothorax?"], "Is there a large pneumothorax?"),
        ("Is it small?", [_EFFUSION], "Is there a small pleural effusion?"),
        ("Is it new?", [_EFFUSION], "Has the pleural effusion changed?"),
        ("worse?", [_EFFUSION], "Has the pleural effusion changed?"),
        ("And the pneumothorax?", ["Which side is the pleural effusion on?"], "Which side is the pneumothorax on?"),
        ("What about edema?", ["How severe is the pleural effusion?"], "How severe is the pulmonary edema?"),
        ("Which side?", [_EFFUSION, "How old is the patient?"], "Which side is the pleural effusion on?"),
        ("Which side?", ["Any pneumothorax?", _EFFUSION], "Which side is the pleural effusion on?"),
        ("How large?", [_EFFUSION, "Which side is the pleural effusion on?"], "How severe is the pleural effusion?"),
    ],
)
def test_what_names_nothing_is_completed_from_the_question_before(text, earlier, read_as):
    assert completed(text, earlier) == read_as
    assert understand(read_as).reason == ""


@pytest.mark.parametrize(
    ("text", "earlier"),
    [
        ("Which side?", []),
        ("Which side?", ["Is it normal?"]),
        ("Which side?", ["Any effusion or pneumothorax?"]),
        ("Which side is the effusion on?", ["Any pneumothorax?"]),
        ("And on the left?", ["Is the heart enlarged?"]),
        ("Which side?", ["What do you see?"]),
        ("And the heart?", [_EFFUSION]),
        ("And the liver?", [_EFFUSION]),
        ("And the pneumothorax?", [_EFFUSION]),
        ("Is there a left pneumothorax?", ["Which side is the pleural effusion on?"]),
        ("What caused it?", [_EFFUSION]),
        ("How old is he?", [_EFFUSION]),
        ("Is the left lung clear?", [_EFFUSION]),
        ("qwerty", [_EFFUSION]),
        ("", [_EFFUSION]),
        ("<b>which side?</b>", [_EFFUSION]),
    ],
)
def test_what_is_whole_or_could_mean_several_things_stays(text, earlier):
    assert completed(text, earlier) == text


@pytest.mark.parametrize("observation", [one for one in OBSERVATIONS if one != NO_FINDING])
def test_every_observation_can_be_followed_up(observation):
    asked = f"Is there {plain(observation)}?"
    read = understand(completed("How severe is it?", [asked]))

    assert (read.kind, read.observations) == ("severity", (observation,))
