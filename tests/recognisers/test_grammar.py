"""Spoken queries offline: what is in the grammar is understood, all else is refused."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from medxpert.errors import ConfigError
from medxpert.recognisers.decoding import Fit, Reading
from medxpert.recognisers.grammar import LEAST_FRAMES, GrammarRecogniser, confidence
from medxpert.recognisers.sound import Recording, read_sound
from medxpert.reporting import Endpoint

SILENCE = Recording(np.zeros(16_000, np.float32))
GOOD, BAD = Fit(-0.5, 1.0), Fit(-9.0, -4.0)
speech = [
    pytest.mark.speech,
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng"),
]


class Decoder:
    def __init__(self, *reading):
        self.reading = Reading(*reading)

    def read(self, samples):
        return self.reading


def heard(reading, **settings):
    recogniser = GrammarRecogniser(**settings)
    recogniser._decoder = Decoder(*reading)
    return recogniser(SILENCE)


def test_what_fits_is_understood():
    answer = heard((("no", "effusion"), GOOD, 90))
    assert (answer.text, answer.reason) == ("no effusion", "")
    assert answer.confidence == pytest.approx(confidence(GOOD), abs=1e-4)
    assert answer.confidence > 0.8
    assert GrammarRecogniser().endpoint == Endpoint("local", "this machine")


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ((("no", "effusion"), BAD, 90), "is below 0.8"),
        (((), None, 90), "fits no sentence"),
        ((("no", "effusion"), GOOD, LEAST_FRAMES - 1), "no speech"),
        (((), None, 0), "no speech"),
    ],
)
def test_what_does_not_fit_is_not_understood(reading, reason):
    answer = heard(reading)
    assert answer.text == ""
    assert reason in answer.reason


def test_a_stricter_bound_answers_less():
    assert heard((("no", "effusion"), GOOD, 90), least_confidence=1.0).text == ""
    assert heard((("no", "effusion"), BAD, 90), least_confidence=0.0).text == "no effusion"


def test_confidence_grows_with_each_part_of_the_fit():
    for better in (GOOD._replace(worst=GOOD.worst + 0.5), GOOD._replace(total=GOOD.total + 0.5)):
        assert confidence(better) > confidence(GOOD)
    assert 0 < confidence(Fit(-1e6, -1e6)) < 1e-6


@pytest.mark.parametrize("value", [-0.1, 1.1, True])
def test_a_bound_outside_0_to_1_is_refused(value):
    with pytest.raises(ConfigError, match=r"recogniser\.least_confidence"):
        GrammarRecogniser(least_confidence=value)


@pytest.fixture(scope="module")
def recogniser():
    return GrammarRecogniser()


def said(tmp_path, sentence, voice):
    path = tmp_path / "said.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", path, sentence], check=True)
    return read_sound(path)


def _apply(marks):
    def marked(test):
        for mark in marks:
            test = mark(test)
        return test

    return marked


@_apply(speech)
def test_speech_inside_the_grammar_is_understood(recogniser, tmp_path):
    sentences = [
        "no pneumothorax", "is there a right pneumothorax", "cardiomegaly and pleural effusion",
        "which side is the effusion", "how severe is the edema", "are the lungs clear", "pacemaker",
        "moderate right pleural effusion", "what has changed since the prior image", "how many nodules are there",
    ]  # fmt: skip
    answers = [recogniser(said(tmp_path, sentence, "en-us")) for sentence in sentences]
    taken = [(sentence, answer.text) for sentence, answer in zip(sentences, answers, strict=True) if answer.text]
    assert len(taken) >= 7
    assert sum(sentence == text for sentence, text in taken) >= len(taken) - 1
    assert all(answer.reason for answer in answers if not answer.text)


@_apply(speech)
def test_speech_outside_the_grammar_is_refused(recogniser, tmp_path):
    sentences = [
        "what is the weather in london tomorrow", "play some music in the kitchen", "knee replacement",
        "how many people live in paris", "please call my wife", "no smoking in the lobby", "the heart of the matter",
        "is there a good restaurant near the station", "turn left at the next crossing", "hello",
    ]  # fmt: skip
    taken = [
        answer.text for answer in (recogniser(said(tmp_path, one, "en-us+f2")) for one in sentences) if answer.text
    ]
    assert len(taken) <= 1


def test_the_sentences_of_the_study_are_inside_and_outside_as_they_say():
    from medxpert.recognisers.decoding import GrammarDecoder

    decoder = GrammarDecoder()
    study = Path(__file__).parents[2] / "experiments" / "voice" / "sentences.json"
    for part in json.loads(study.read_text()).values():
        assert [one for one in part["inside"] if not decoder.accepts(one)] == []
        assert [one for one in part["outside"] if decoder.accepts(one.lower())] == []
