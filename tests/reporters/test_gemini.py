import json
from datetime import date, timedelta

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.credentials import Credentials
from reporters.fakes import ANSWER, KEY, MODEL, GeminiFake, Reply, case

from medxpert.errors import ConfigError, RemoteError
from medxpert.reporters.gemini import GeminiReporter
from medxpert.reporting import Endpoint

pytestmark = pytest.mark.usefixtures("waits")
SAID = json.dumps(ANSWER)
VERTEX = {"project": "p", "location": "europe-west4"}
STATED = {
    "attested_endpoint": "Vertex project p in europe-west4",
    "attested_on": str(date.today() - timedelta(days=3)),
    "attested_statement": "Zero retention verified with the contract of May by J. Doe.",
}


def reporter_at(fake, **settings):
    return GeminiReporter(**({"model": MODEL, "base_url": fake.url, "timeout_seconds": 5, "attempts": 3} | settings))


def refused(reply, **settings):
    with GeminiFake(reply) as fake:
        with pytest.raises(RemoteError) as caught:
            reporter_at(fake, **settings)(case())
        return str(caught.value), len(fake.requests)


def candidate(**parts):
    return Reply({"candidates": [parts]})


@pytest.mark.server
@pytest.mark.filterwarnings("ignore:A_NEW_REASON")
@pytest.mark.parametrize(
    ("reply", "message", "asked"),
    [
        (Reply({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}), "blocked the request (PROHIBITED_CO", 1),
        (candidate(finishReason="SAFETY"), "stopped before the end (SAFETY); try another reporter.model", 1),
        (candidate(finishReason="A_NEW_REASON"), "stopped before the end (A_NEW_REASON)", 1),
        (GeminiFake.saying(SAID[:90], "MAX_TOKENS"), "cut off at the most tokens (MAX_TOKENS); raise reporter.max", 1),
        (candidate(finishReason="STOP"), "answered nothing", 2),
        (candidate(finishReason="STOP", content={"parts": []}), "answered nothing", 2),
        (Reply({}), "answered without a candidate", 2),
        (Reply({"candidates": []}), "answered without a candidate", 2),
        (Reply({"candidates": "none"}), "answered nothing", 2),
        (Reply({"candidates": [{"content": {"parts": "text"}}]}), "something else than a Gemini response", 2),
        (Reply({"candidates": [[]]}), "answered nothing", 2),
        (Reply({"candidates": [{"content": 3}]}), "something else than a Gemini response", 2),
    ],
)
def test_answers_without_a_report(reply, message, asked):
    assert message in refused(reply)[0]
    assert refused(reply)[1] == asked


@pytest.mark.server
def test_thoughts_are_no_answer():
    parts = [{"text": "{thinking}", "thought": True}, {"text": SAID[:50]}, {"text": SAID[50:]}]
    with GeminiFake(candidate(finishReason="STOP", content={"parts": parts})) as fake:
        assert len(reporter_at(fake)(case()).findings) == 2


@pytest.mark.server
def test_google_says_when_to_come_back_in_the_body(waits):
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"}]
    quota = Reply({"error": {"code": 429, "message": "quota", "details": details}}, 429)
    with GeminiFake(quota, GeminiFake.saying(SAID)) as fake:
        reporter_at(fake)(case())
    assert waits == [12.5]


@pytest.mark.server
def test_request():
    with GeminiFake(GeminiFake.saying(SAID), key=KEY) as fake:
        reporter_at(fake, temperature=0.5, max_tokens=99)(case())
        request = fake.requests[0]
    settings = request.body["generationConfig"]
    assert (settings["temperature"], settings["maxOutputTokens"]) == (0.5, 99)
    assert settings["responseMimeType"] == "application/json"
    side = settings["responseSchema"]["properties"]["findings"]["items"]["properties"]["laterality"]
    assert side == {"type": "STRING", "enum": ["left", "right", "bilateral"], "nullable": True}
    assert "additional" not in json.dumps(settings)
    assert "key" not in request.path
    assert "radiograph reports" in request.body["systemInstruction"]["parts"][0]["text"]


@pytest.mark.server
def test_second_name_of_the_key(monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    with GeminiFake(GeminiFake.saying(SAID), key=KEY) as fake:
        assert reporter_at(fake)(case()).findings


class VertexFake(GeminiFake):
    path = f"/v1beta1/projects/p/locations/europe-west4/publishers/google/models/{MODEL}:generateContent"

    def admits(self, request):
        return request.headers.get("authorization") == "Bearer token-of-the-machine"


@pytest.mark.server
def test_vertex_takes_the_machines_credentials_and_no_key(monkeypatch):
    monkeypatch.setattr(google.auth, "default", lambda *_, **__: (Credentials("token-of-the-machine"), "other"))
    with VertexFake(VertexFake.saying(SAID), key="x") as fake:
        reporter = reporter_at(fake, **VERTEX)
        preview = reporter.preview(case())
        reporter(case())
        assert json.loads(preview) == fake.requests[0].body
        assert KEY not in json.dumps(dict(fake.requests[0].headers))


def test_vertex_without_credentials(monkeypatch):
    def none(*_, **__):
        raise DefaultCredentialsError("Your default credentials were not found.")

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(
        RemoteError, match=r"Vertex project p in europe-west4 .*not found.*; check Google's application"
    ):
        GeminiReporter(**VERTEX)(case())


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com/"),
        ("global", "https://aiplatform.googleapis.com/"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/"),
    ],
)
def test_vertex_hosts_are_those_of_the_library(location, host):
    from google.genai import Client

    token = Credentials("t")
    client = Client(vertexai=True, project="p", location=location, credentials=token)
    assert client._api_client._http_options.base_url == host
    assert GeminiReporter(project="p", location=location)._url() == host


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        ({}, Endpoint("public", "Gemini API")),
        ({"base_url": "http://localhost:8080"}, Endpoint("public", "Gemini API at localhost:8080")),
        (VERTEX, Endpoint("public", "Vertex project p in europe-west4")),
        (VERTEX | STATED, Endpoint("attested", "Vertex project p in europe-west4")),
    ],
)
def test_endpoint(settings, endpoint):
    assert GeminiReporter(**settings).endpoint == endpoint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (STATED | {"attested_endpoint": "Gemini API"}, "reporter.attested_endpoint"),
        (VERTEX | STATED | {"attested_on": "2020-01-01"}, "reporter.attested_on"),
        (VERTEX | STATED | {"attested_on": ""}, "reporter.attested_on"),
        (VERTEX | {"attested_on": "2026-01-01"}, "reporter.attested_endpoint"),
        (VERTEX | STATED | {"base_url": "https://proxy.example"}, "reporter.attested_endpoint"),
        ({"project": "p"}, "needs both"),
        ({"location": "eu"}, "needs both"),
        ({"project": "p/../q", "location": "eu"}, "reporter.project"),
        ({"project": "p", "location": "evil.com/"}, "reporter.location"),
        ({"base_url": "http://example.com"}, "expected https"),
        ({"base_url": "http://localhost.example.com"}, "expected https"),
        ({"model": ""}, "reporter.model"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        GeminiReporter(**settings)


def test_names():
    reporter = GeminiReporter()
    assert (reporter.name, reporter.model_id, reporter.dry_run) == ("gemini", "gemini-3.8-flash", False)
    assert reporter.tokens(case()) > 8192
    assert reporter.send_image is False
