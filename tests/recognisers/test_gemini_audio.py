"""Gemini as a listener, played by a server on loopback."""

import base64
import io
import json

import numpy as np
import pytest
import soundfile
from reporters.fakes import KEY, MODEL, GeminiFake, Reply

from medxpert.errors import ConfigError, RemoteError
from medxpert.exchange import Heard
from medxpert.hearing import RemoteRecogniser
from medxpert.recognisers.gemini_audio import GeminiRecogniser
from medxpert.recognisers.sound import Recording
from medxpert.reporting import Endpoint

SOUND = Recording((0.3 * np.sin(np.arange(16_000) / 5)).astype(np.float32))
server = pytest.mark.server


saying = GeminiFake.saying


def understood(text, understood=True):
    return saying(json.dumps({"understood": understood, "text": text}))


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


def recogniser(fake, **changes):
    return GeminiRecogniser(**({"model": MODEL, "base_url": fake.url, "attempts": 1, "timeout_seconds": 5} | changes))


@server
def test_the_recording_is_sent_inline_and_the_words_come_back():
    with GeminiFake(understood("is there  an effusion?\n"), key=KEY) as fake:
        listener = recogniser(fake)
        assert listener(SOUND) == Heard("is there an effusion?")
    (request,) = fake.requests
    _, audio = request.body["contents"][0]["parts"]
    assert audio["inlineData"]["mime_type"] == "audio/wav"
    samples, rate = soundfile.read(io.BytesIO(base64.urlsafe_b64decode(audio["inlineData"]["data"])))
    assert rate == 16_000
    np.testing.assert_allclose(samples, SOUND.samples, atol=1e-4)
    assert request.body["generationConfig"]["temperature"] == 0
    shown = json.loads(listener.payload(SOUND))
    assert shown["audio/wav"] == audio["inlineData"]["data"].replace("-", "+").replace("_", "/")
    assert shown["text"] == request.body["contents"][0]["parts"][0]["text"]
    assert KEY not in str(shown)


@server
@pytest.mark.parametrize("reply", [understood("", understood=False), understood("no effusion", False), understood(" ")])
def test_what_the_service_cannot_make_out_is_not_understood(reply):
    with GeminiFake(reply) as fake:
        heard = recogniser(fake)(SOUND)
    assert heard.text == ""
    assert "could not make out" in heard.reason


@server
@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (saying("There is an effusion, I think."), "something else than was asked for"),
        (saying('{"understood": "yes", "text": "no effusion"}'), "something else than was asked for"),
        (saying('{"understood": true, "text": ["no", "effusion"]}'), "something else than was asked for"),
        (understood("effusion " * 1_000), "something else than was asked for"),
        (saying("{", "MAX_TOKENS"), "MAX_TOKENS"),
        (saying("", "SAFETY"), "SAFETY"),
        (Reply({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}), "blocked the recording"),
        (Reply({"candidates": []}), "no candidate"),
        (Reply("<html>proxy</html>", headers={"Content-Type": "text/html"}), "recogniser.base_url"),
        (Reply({"error": {"message": "no such model"}}, 404), "404: .*check recogniser.model"),
        (Reply({"error": {"message": "quota"}}, 429), "429"),
        (Reply({"error": {"message": "broken"}}, 500), "500"),
        (Reply("", 302, {"Location": "http://127.0.0.1:9/"}), "302"),
        (Reply(kind="drop"), "cannot be reached"),
        (Reply(kind="half", body={"candidates": []}), "cannot be reached"),
    ],
)
def test_each_fault_of_the_service_is_one_line(reply, line):
    with GeminiFake(reply) as fake, pytest.raises(RemoteError, match=line) as failed:
        recogniser(fake)(SOUND)
    said = str(failed.value)
    assert said.startswith("Gemini API at 127.0.0.1:")
    assert said.endswith("or use recogniser=grammar")
    assert "\n" not in said
    assert len(fake.requests) == 1


@server
def test_a_wrong_key_is_not_repeated_in_the_message():
    with GeminiFake(understood("no effusion"), key="another") as fake, pytest.raises(RemoteError) as failed:
        recogniser(fake)(SOUND)
    assert KEY not in str(failed.value)
    assert "GEMINI_API_KEY" in str(failed.value) or "key" in str(failed.value)


@server
def test_a_service_that_never_answers_is_given_up():
    with GeminiFake(Reply(kind="hang")) as fake, pytest.raises(RemoteError, match=r"did not answer within 0\.3 s"):
        recogniser(fake, timeout_seconds=0.3)(SOUND)


@server
def test_a_service_out_of_order_is_asked_again():
    with GeminiFake(Reply({"error": {"message": "busy"}}, 503), understood("no effusion")) as fake:
        assert recogniser(fake, attempts=3)(SOUND).text == "no effusion"
    assert len(fake.requests) == 2


def test_without_a_key_nothing_is_asked(monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY")
    with pytest.raises(RemoteError, match="set GEMINI_API_KEY"):
        GeminiRecogniser()(SOUND)
    monkeypatch.setenv("GEMINI_API_KEY", "two words")
    with pytest.raises(RemoteError, match="characters that no key has") as refused:
        GeminiRecogniser()(SOUND)
    assert "two words" not in str(refused.value)


def test_a_bare_key_is_public_even_on_loopback_and_vertex_can_be_attested():
    assert GeminiRecogniser().endpoint == Endpoint("public", "Gemini API")
    assert GeminiRecogniser(base_url="http://localhost:9").endpoint.kind == "public"
    place = "Vertex project p in eu"
    stated = {"attested_on": "2999-01-01", "attested_statement": "verified in the contract by the data officer"}
    with pytest.raises(ConfigError, match=r"recogniser\.attested_on"):
        GeminiRecogniser(project="p", location="eu", attested_endpoint=place, **stated)
    with pytest.raises(ConfigError, match="always public"):
        GeminiRecogniser(attested_endpoint="Gemini API", **stated)
    assert isinstance(GeminiRecogniser(), RemoteRecogniser)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"model": ""}, r"recogniser\.model"),
        ({"model": "a b"}, r"recogniser\.model"),
        ({"project": "p"}, r"recogniser\.location"),
        ({"base_url": "http://example.org"}, "https"),
        ({"base_url": "https://user@example.org"}, "without user"),
        ({"timeout_seconds": 0}, r"recogniser\.timeout_seconds"),
        ({"attempts": 0}, r"recogniser\.attempts: expected 1 to 20, found 0"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings, line):
    with pytest.raises(ConfigError, match=line):
        GeminiRecogniser(**settings)
