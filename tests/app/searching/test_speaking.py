"""A spoken query: shown, mended, run; or not understood."""

import io
import shutil
import subprocess
import wave

import numpy as np
import pytest
from app.asking import QUERY, asked, found, said

from medxpert.app.searching import speaking
from medxpert.errors import RemoteError
from medxpert.exchange import Heard
from medxpert.reporting import Endpoint


def speech() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        tone = 8_000 * np.sin(np.arange(16_000) * 0.1) * np.hanning(16_000)
        file.writeframes(tone.astype("<i2").tobytes())
    return buffer.getvalue()


def speak(drawn, sound=None):
    return drawn.audio_input[0].set_value(("speech.wav", sound or speech(), "audio/wav")).run()


class Recogniser:
    name, model_id, endpoint = "fake", "", Endpoint("local", "this machine")

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, sound):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def hears(monkeypatch):
    return lambda answer: monkeypatch.setattr(speaking, "recogniser", lambda: Recogniser(answer))


def test_what_was_heard_is_shown_and_waits_to_be_mended(screen, hears):
    hears(Heard("large effusion", 0.91))
    drawn = speak(screen("search"))
    assert drawn.text_input(key="search.query").value == "large effusion"
    assert "<article" not in said(drawn)
    assert "91% sure" in said(drawn)
    drawn.button(key="search.go").click().run()
    assert found(drawn).text == "large effusion"
    assert "q" not in drawn.query_params
    assert "Heard" not in said(drawn)


def test_a_mended_text_is_a_typed_one(screen, hears):
    hears(Heard("large effusion", None))
    drawn = asked(speak(screen("search", "policy=open")), "small effusion")
    assert found(drawn).text == "small effusion"
    assert drawn.query_params["q"] == "small effusion"


@pytest.mark.parametrize(
    ("answer", "told"),
    [(Heard("", None, "no <b>speech</b> was heard"), "Not understood: no &lt;b&gt;"), (RemoteError("gone"), "gone")],
)
def test_what_was_not_understood_is_told_in_one_line(screen, hears, answer, told):
    hears(answer)
    drawn = speak(asked(screen("search")))
    assert not drawn.exception
    assert told in said(drawn)
    assert drawn.text_input(key="search.query").value == QUERY
    assert found(drawn).text == QUERY


def test_what_is_no_recording_is_told(screen):
    drawn = speak(screen("search"), b"no sound at all")
    assert not drawn.exception
    assert "mx-fault" in said(drawn)


@pytest.mark.speech
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng")
def test_a_voice_is_understood(screen, tmp_path):
    path = tmp_path / "said.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", path, "large left pleural effusion"], check=True)
    drawn = speak(screen("search"), path.read_bytes())
    assert drawn.text_input(key="search.query").value == "large left pleural effusion"
    assert found(drawn.button(key="search.go").click().run()).text == "large left pleural effusion"
