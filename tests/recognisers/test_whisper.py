"""A Whisper in a folder of this machine, and what is not taken for speech."""

import json
import math
import socket

import numpy as np
import pytest
from recognisers.whispers import LETTERS, tokenizer, whisper
from safetensors.torch import load_file, save_file

from medxpert.errors import ConfigError
from medxpert.recognisers.sound import Recording
from medxpert.recognisers.whisper import WhisperRecogniser, repeats
from medxpert.reporting import Endpoint

SAID = "is there an effusion?"


def sound(seconds=1.0):
    return Recording(np.random.default_rng(0).normal(0, 0.1, int(16_000 * seconds)).astype(np.float32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return whisper(tmp_path_factory.mktemp("whisper"), SAID)


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was used"))


def test_a_folder_is_read_without_a_network_and_says_how_sure_it_is(folder, no_network):
    recogniser = WhisperRecogniser(model=str(folder))
    heard = recogniser(sound())
    assert (heard.text, heard.reason) == (SAID, "")
    assert recogniser.endpoint == Endpoint("local", "this machine")
    assert recogniser.model_id == folder.name
    # one letter of the vocabulary has a logit of 8 above all others, but for the end and what it was itself
    others = len(LETTERS) + 8 - 1
    assert heard.confidence == pytest.approx(math.exp(8) / (math.exp(8) + others), abs=0.01)


def test_an_english_only_model_is_not_told_a_language(tmp_path, no_network):
    assert WhisperRecogniser(model=str(whisper(tmp_path, SAID, english_only=True)))(sound()).text == SAID


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"says": "thank you. " * 6}, "repeats itself"),
        ({"says": " . "}, "no word was heard"),
        ({"says": SAID, "speaks": False}, "nobody seems to speak"),
        ({"says": SAID, "sure": 3.0}, "is below 0.5"),
    ],
)
def test_what_is_no_speech_is_not_understood(tmp_path, made, reason):
    heard = WhisperRecogniser(model=str(whisper(tmp_path, **made)))(sound())
    assert heard.text == ""
    assert reason in heard.reason
    assert heard.confidence is not None


def test_more_than_whisper_hears_at_once_is_not_cut_off_silently(folder):
    heard = WhisperRecogniser(model=str(folder))(sound(31))
    assert heard.text == ""
    assert "31 s" in heard.reason


@pytest.mark.parametrize(
    ("text", "looping"),
    [
        ("no no no no", True),
        ("no no no", False),
        ("I see an effusion. an effusion. an effusion. an effusion.", True),
        ("is the left lung clear or is the right lung clear", False),
        ("a b c d " * 4, True),
        ("", False),
    ],
)
def test_loops_are_told_from_speech(text, looping):
    assert repeats(text) is looping


def _without_weights(folder):
    (folder / "model.safetensors").unlink()


def _cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5_000])


def _no_config(folder):
    (folder / "config.json").write_text("{")


def _lacks_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.decoder.layer_norm.weight")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _other_vocabulary(folder):
    tokenizer((*LETTERS, *"0123456789")).save_pretrained(folder)


def _other_model(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))


@pytest.mark.parametrize(
    "damage", [_without_weights, _cut_off, _no_config, _lacks_a_weight, _other_vocabulary, _other_model]
)
def test_a_broken_folder_is_one_line(tmp_path, damage, no_network):
    damage(whisper(tmp_path, SAID))
    with pytest.raises(ConfigError) as refused:
        WhisperRecogniser(model=str(tmp_path))(sound())
    assert str(refused.value).startswith("recogniser.model: expected a Whisper model")
    assert "check the folder" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_id_that_cannot_be_fetched_is_one_line(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError) as refused:
        WhisperRecogniser(model="nobody/has-this-whisper")(sound())
    assert "check the id and the network" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"model": "/no/such/folder"}, "expected a folder"),
        ({"model": ""}, "expected a folder"),
        ({"max_tokens": 1}, "recogniser.max_tokens: expected 4 to 400, found 1"),
        ({"least_confidence": 1.5}, "recogniser.least_confidence"),
        ({"most_silence": True}, "recogniser.most_silence"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings, line):
    with pytest.raises(ConfigError, match=line):
        WhisperRecogniser(**settings)
