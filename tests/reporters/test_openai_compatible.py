import json
import sys
from contextlib import suppress
from datetime import date

import pytest
from openai import OpenAIError
from reporters.fakes import ANSWER, KEY, MODEL, OpenAIFake, Reply, case

from medxpert.errors import ConfigError, MissingExtraError, RemoteError
from medxpert.reporters.openai_compatible import Dialect, OpenAIReporter, simplified
from medxpert.reporters.remote import Held, Holding
from medxpert.reporters.retries import Failed
from medxpert.reporting import Endpoint

pytestmark = pytest.mark.usefixtures("waits")
SAID = json.dumps(ANSWER)


def reporter_at(fake, **settings):
    return OpenAIReporter(**({"model": MODEL, "base_url": fake.url, "timeout_seconds": 5, "attempts": 3} | settings))


def completion(**choice):
    return Reply({"choices": [choice]})


@pytest.mark.server
@pytest.mark.parametrize(
    ("reply", "message", "asked"),
    [
        (OpenAIFake.saying(SAID[:90], "length"), "cut off at the most tokens (length); raise reporter.max_tokens", 1),
        (OpenAIFake.saying(SAID, "content_filter"), "refused to write", 1),
        (completion(finish_reason="stop", message={"content": None, "refusal": "I cannot"}), "refused to write", 1),
        (completion(finish_reason="stop", message={"content": None}), "answered nothing", 2),
        (completion(finish_reason="tool_calls", message={"content": SAID}), "stopped before the end (tool_calls)", 2),
        (completion(finish_reason="stop"), "no chat completion", 2),
        (Reply({"choices": []}), "no chat completion", 2),
        (Reply({"choices": "x"}), "no chat completion", 2),
        (Reply({"choices": [3]}), "no chat completion", 2),
        (Reply({"error": {"message": "a 200 with an error"}}), "no chat completion", 2),
        (Reply({"error": {"message": "no money", "code": "insufficient_quota"}}, 429), "refuses more requests", 1),
    ],
)
def test_answers_without_a_report(reply, message, asked):
    with OpenAIFake(reply) as fake:
        with pytest.raises(RemoteError) as caught:
            reporter_at(fake)(case())
        assert message in str(caught.value)
        assert len(fake.requests) == asked


class Choosy(OpenAIFake):
    """Refuses requests that hold something it does not know."""

    unknown = ()

    def reply(self, request):
        held = json.dumps(request.body)
        for word, message in self.unknown:
            if word in held:
                return Reply({"error": {"message": message}}, 400)
        return super().reply(request)


@pytest.mark.server
@pytest.mark.parametrize(
    ("unknown", "dialect", "asked"),
    [
        ((), Dialect(), 1),
        ((('"json_schema"', "response_format is not known"),), Dialect(form="json_object"), 2),
        ((('"response_format"', "bad request"),), Dialect(form="text"), 3),
        (
            (('"max_tokens"', "Use 'max_completion_tokens' instead."), ('"temperature"', "temperature must be 1")),
            Dialect(limit="max_completion_tokens", warm=False),
            3,
        ),
    ],
)
def test_refused_parts_are_left_out_and_stay_out(unknown, dialect, asked):
    with Choosy(OpenAIFake.saying(SAID)) as fake:
        fake.unknown = unknown
        reporter = reporter_at(fake, attempts=1)
        assert reporter(case()).findings
        assert (reporter.dialect, len(fake.requests)) == (dialect, asked)
        reporter(case())
        assert len(fake.requests) == asked + 1
        assert json.loads(reporter.preview(case())) == fake.requests[-1].body


@pytest.mark.server
def test_a_server_that_refuses_everything_changes_nothing():
    with OpenAIFake(Reply({"error": {"message": "context is too long"}}, 400)) as fake:
        reporter = reporter_at(fake)
        with pytest.raises(RemoteError, match=r"refused the request \(400: context is too long\)"):
            reporter(case())
        assert len(fake.requests) == 3
        assert reporter.dialect == Dialect()


def test_other_faults_are_no_reason_to_simplify():
    assert simplified(Dialect(), Failed("x", "y", status=500)) is None
    assert simplified(Dialect(), Failed("x", "y")) is None
    assert simplified(Dialect(form="text"), Failed("x", "y", status=400)) is None


@pytest.mark.server
def test_request():
    with OpenAIFake(OpenAIFake.saying(SAID), key=KEY) as fake:
        reporter_at(fake, max_tokens=99)(case())
        body = fake.requests[0].body
    assert (body["model"], body["max_tokens"], body["temperature"]) == (MODEL, 99, 0)
    form = body["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["additionalProperties"] is False


@pytest.mark.server
def test_no_key_is_needed_on_this_machine(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with OpenAIFake(OpenAIFake.saying(SAID)) as fake:
        assert reporter_at(fake)(case()).findings
        assert "canary" not in fake.requests[0].headers["authorization"]


def test_the_key_crosses_no_network_in_the_clear():
    def key(url):
        return OpenAIReporter(model=MODEL, base_url=url)._key()

    assert key("http://gpu-server:8000/v1") == ""
    assert key("http://127.0.0.1.example.com/v1") == ""
    assert key("http://127.0.0.1:8000/v1") == KEY
    assert key("https://gpu-server/v1") == KEY


def test_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'medxpert\[reports\]'"):
        OpenAIReporter(model=MODEL)(case())
    with pytest.raises(MissingExtraError):
        OpenAIReporter(model=MODEL).preview(case())


STATED = {"attested_on": "", "attested_statement": "Zero retention verified with the contract of May."}


@pytest.mark.parametrize(
    ("base_url", "endpoint"),
    [
        ("", Endpoint("public", "api.openai.com")),
        ("http://localhost:11434/v1", Endpoint("local", "localhost:11434 on this machine")),
        ("http://[::1]:8000/v1", Endpoint("local", "[::1]:8000 on this machine")),
        ("http://localhost.example.com/v1", Endpoint("public", "localhost.example.com")),
        ("https://llm.hospital.example/v1", Endpoint("public", "llm.hospital.example")),
    ],
)
def test_endpoint(base_url, endpoint):
    assert OpenAIReporter(model=MODEL, base_url=base_url).endpoint == endpoint


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "kimi:cloud"])
def test_a_model_that_a_local_server_passes_on_is_public(model):
    reporter = OpenAIReporter(model=model, base_url="http://localhost:11434/v1")
    assert reporter.endpoint.kind == "public"


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.openai.com./v1",
        "https://eu.api.openai.com/v1",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        "https://openrouter.ai/api/v1",
        "http://10.0.0.5:8000/v1",
    ],
)
def test_nobody_can_vouch_for_a_bare_key_nor_for_plain_http(base_url):
    with pytest.raises(ConfigError, match=r"reporter\.attested_endpoint"):
        OpenAIReporter(
            model="m",
            base_url=base_url,
            attested_endpoint=base_url.split("/")[2],
            attested_on=date.today().isoformat(),
            attested_statement="verified by the data protection officer",
        )


def test_the_environment_adds_no_headers_for_somebody_elses_server(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-canary")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Own: canary\nX-Other: canary")
    seen = []

    class Watching(Holding):
        def send(self, request, **options):
            seen.append(dict(request.headers))
            return super().send(request, **options)

    for base_url, sent in (("http://localhost:9/v1", False), ("https://api.openai.com/v1", True)):
        reporter = OpenAIReporter(model="m", base_url=base_url)
        with Watching(trust_env=False) as client, suppress(Held, OpenAIError):
            reporter._client(client, "k").chat.completions.create(model="m", messages=[])
        assert ("canary" in repr(seen.pop())) is sent


def test_a_server_of_ones_own_can_be_attested_and_openai_cannot():
    from datetime import date

    stated = STATED | {"attested_on": str(date.today()), "attested_endpoint": "llm.hospital.example"}
    own = OpenAIReporter(model=MODEL, base_url="https://llm.hospital.example/v1", **stated)
    assert own.endpoint.kind == "attested"
    with pytest.raises(ConfigError, match="bare API key"):
        OpenAIReporter(model=MODEL, **(stated | {"attested_endpoint": "api.openai.com"}))


def test_a_model_must_be_named():
    with pytest.raises(TypeError, match="model"):
        OpenAIReporter()
    assert OpenAIReporter(model="a/b:c").name == "openai"
