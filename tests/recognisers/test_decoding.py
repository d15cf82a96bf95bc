"""The grammar, its pronunciations, and what is done to sound before it is read."""

import json
import re

import numpy as np
import pytest

from medxpert.errors import ConfigError
from medxpert.recognisers.decoding import GRAMMAR, PRONUNCIATIONS, GrammarDecoder, prepared

PHONES = {
    *[
        "AA",
        "AE",
        "AH",
        "AO",
        "AW",
        "AY",
        "B",
        "CH",
        "D",
        "DH",
        "EH",
        "ER",
        "EY",
        "F",
        "G",
        "HH",
        "IH",
        "IY",
        "JH",
        "K",
        "L",
        "M",
    ]
}
PHONES |= {*["N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"]}
NOISE = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)


@pytest.fixture(scope="module")
def decoder():
    return GrammarDecoder()


@pytest.mark.parametrize(
    "sentence",
    [
        "large left pleural effusion",
        "no pneumothorax",
        "left lower lobe consolidation",
        "is there a left pleural effusion",
        "cardiomegaly and pleural effusion",
        "which side is the effusion on",
        "how severe is the edema",
        "how many nodules are there",
        "what has changed since the prior image",
        "no effusion or pneumothorax",
        "small right pneumothorax with atelectasis at the left base",
    ],
)
def test_queries_and_questions_are_in_the_grammar(decoder, sentence):
    assert decoder.accepts(sentence)
    assert not decoder.accepts(sentence + " of")


@pytest.mark.parametrize("sentence", ["", "the", "left", "effusion and", "no", "is there a", "weather", "effusion on"])
def test_other_sentences_and_halves_are_not(decoder, sentence):
    assert not decoder.accepts(sentence)


def test_pronunciations_are_phones_of_the_model_and_of_words_of_the_grammar():
    words = set(re.findall(r"[a-z][a-z-]*", re.sub(r"<[^>]*>|//.*", "", GRAMMAR.read_text())))
    for word, ways in json.loads(PRONUNCIATIONS.read_text()).items():
        assert word in words
        assert len(set(ways)) == len(ways) > 0
        assert {phone for way in ways for phone in way.split()} <= PHONES


def test_noise_fits_no_sentence_or_fits_it_badly(decoder):
    reading = decoder.read(NOISE)
    assert reading.fit is None or reading.fit.total < -2
    assert decoder.read(NOISE) == reading


def test_sound_is_made_even_and_lies_on_faint_noise_between_pauses():
    quiet = np.frombuffer(prepared(0.01 * NOISE), "<i2")
    loud = np.frombuffer(prepared(3 * NOISE), "<i2")
    np.testing.assert_allclose(quiet, loud, atol=1)
    assert np.abs(quiet).max() / 32767 == pytest.approx(0.5, abs=0.02)
    assert len(quiet) == 16_000 + 2 * 2_400
    assert 30 < quiet[:2_400].std() < 100
    assert prepared(NOISE) == prepared(NOISE)


def test_a_constant_is_no_speech():
    assert np.abs(np.frombuffer(prepared(np.full(16_000, 0.5, np.float32)), "<i2")).max() < 500


@pytest.mark.parametrize(
    ("grammar", "pronunciations"),
    [
        ("#JSGF V1.0; grammar a; public <a> = (effusion;", "{}"),
        ("#JSGF V1.0; grammar a; public <a> = effusion | lung;", "{}"),
        ("#JSGF V1.0; grammar a; public <a> = lung;", "{"),
        ("#JSGF V1.0; grammar a; public <a> = lung;", "[]"),
        ("#JSGF V1.0; grammar a; public <a> = lung;", '{"lung": ["Q Q"]}'),
    ],
)
def test_a_broken_grammar_is_one_line(tmp_path, grammar, pronunciations):
    (tmp_path / "a.gram").write_text(grammar)
    (tmp_path / "a.json").write_text(pronunciations)
    with pytest.raises(ConfigError, match=r"a\.gram: expected a JSGF grammar") as refused:
        GrammarDecoder(tmp_path / "a.gram", tmp_path / "a.json")
    assert "\n" not in str(refused.value)
