import pytest

from medxpert.mentions.events import MAX_EVENTS, sentences


def phrases(text):
    words = text.split()
    return [[" ".join(words[event.start : event.end]) for event in found.events] for found in sentences(words)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("nothingness galore", []),
        ("no pleural effusion", [["no", "pleural effusion"]]),
        ("pericardial effusion", [["pericardial effusion"]]),
        ("edema is not seen . heart", [["edema", "is not seen"], ["heart"]]),
        ("1. effusion 2. edema", [["effusion"], ["edema"]]),
        ("cardiac pleural effusion", [["cardiac", "pleural effusion"]]),
    ],
)
def test_the_longest_phrase_counts(text, expected):
    assert phrases(text) == expected


def test_a_sentence_knows_its_words():
    found = list(sentences(["heart", ".", "mild", "left", "effusion", "today", ".", "edema"]))
    assert [(sentence.start, sentence.stop) for sentence in found] == [(0, 1), (2, 6), (7, 8)]


def test_an_endless_sentence_is_read_in_pieces():
    words = ["effusion", ","] * (3 * MAX_EVENTS)
    assert [len(found.events) for found in sentences(words)] == [MAX_EVENTS] * 6
