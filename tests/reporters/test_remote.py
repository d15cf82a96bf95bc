"""Both remote reporters against loopback fakes: the same faults, the same promises."""

import json
import logging
import socket
import time

import numpy as np
import pytest
from reporters.fakes import ANSWER, KEY, MODEL, GeminiFake, OpenAIFake, Reply, case

from medxpert.errors import RemoteError
from medxpert.reporters.connection import MOST_BYTES
from medxpert.reporters.gemini import GeminiReporter
from medxpert.reporters.openai_compatible import OpenAIReporter
from medxpert.reporting import Code, Draft

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("waits")]
SAID = json.dumps(ANSWER)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


SERVICES = {"gemini": (GeminiFake, GeminiReporter), "openai": (OpenAIFake, OpenAIReporter)}


@pytest.fixture(params=SERVICES)
def service(request):
    return SERVICES[request.param]


def reporter_at(fake, kind, **settings):
    return kind(**({"model": MODEL, "base_url": fake.url, "timeout_seconds": 5, "attempts": 3} | settings))


def refused(service, *replies, key="", **settings):
    """Return the message of the failure and how often the server was asked."""
    with service[0](*replies, key=key) as fake:
        with pytest.raises(RemoteError) as caught:
            reporter_at(fake, service[1], **settings)(case())
        message = str(caught.value)
        assert "\n" not in message
        assert KEY not in message
        assert caught.value.__cause__ is None
        return message, len(fake.requests)


def test_happy_path(service):
    with service[0](service[0].saying(SAID), key=KEY) as fake:
        draft = reporter_at(fake, service[1])(case())
        assert len(fake.requests) == 1
    assert isinstance(draft, Draft)
    effusion, pneumothorax = draft.findings
    assert (effusion.laterality, effusion.severity, effusion.evidence) == ("left", "mild", ("case-1", "zero-shot"))
    assert (pneumothorax.status, pneumothorax.laterality, pneumothorax.support) == ("absent", "", None)
    assert draft.impression == ("Small left pleural effusion.",)
    assert draft.diagnoses[0].icd10 == (Code("J90", "Pleural effusion, not elsewhere classified", True),)


@pytest.mark.parametrize(
    ("reply", "message", "asked"),
    [
        (Reply({"error": {"message": "no"}}, 401), "refused the key (401)", 1),
        (Reply({"error": {"message": "no"}}, 403), "refused the key (403)", 1),
        (Reply({"error": {"message": "gone"}}, 404), "no such model or address", 1),
        (Reply({"error": {"message": "too much"}}, 429), "refuses more requests (429: too much) (3 tries)", 3),
        (Reply({"error": {"message": "oh"}}, 500), "out of order (500: oh) (3 tries)", 3),
        (Reply("<html>Bad gateway</html>", 502), "out of order (502) (3 tries)", 3),
        (Reply("", 503), "out of order (503) (3 tries)", 3),
        (Reply("", 408), "out of order (408) (3 tries)", 3),
        (Reply("<html>Log in to the hospital's network</html>"), "answered with HTML", 2),
        (Reply("", 200), "something else instead of a JSON object", 2),
        (Reply([1]), "something else instead of a JSON object", 2),
        (Reply("[" * 100_000), "something else instead of a JSON object", 2),
        (Reply(kind="drop"), "broke the connection", 3),
        (Reply(" " * 1000, kind="half"), "broke the connection", 3),
        (Reply({"x": "y" * MOST_BYTES}), "more than 2 MB", 1),
        (Reply(kind="flood"), "more than 2 MB", 1),
        (Reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "compressed", 2),
        (Reply("", 302, {"Location": "http://example.com/"}), "sends on to another address (302)", 1),
    ],
)
def test_faults_of_the_transport(service, reply, message, asked):
    found, times = refused(service, reply)
    assert message in found
    assert times == asked


@pytest.mark.parametrize("kind", ["hang", "drip", "drip_headers"])
def test_a_slow_server_is_left_in_time(service, kind):
    start = time.monotonic()
    found, times = refused(service, Reply(kind=kind), timeout_seconds=0.3, attempts=2)
    assert "did not answer within 0.3 s (2 tries); try again, or raise reporter.timeout_seconds" in found
    assert times == 2
    assert time.monotonic() - start < 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("The heart is normal.", "not JSON"),
        ("<html>", "HTML"),
        (SAID[:-20], "not JSON"),
        ("{}", "another form (findings: Field required)"),
        (json.dumps(ANSWER | {"support": "supported"}), "another form (support: Extra inputs are not permitted)"),
        (json.dumps(ANSWER | {"findings": [ANSWER["findings"][0] | {"status": "maybe"}]}), "findings.0.status"),
        (json.dumps(ANSWER | {"findings": [ANSWER["findings"][0] | {"observation": "Gout"}]}), "one of the 14"),
    ],
)
def test_a_wrong_answer_is_asked_for_once_more(service, text, message):
    found, times = refused(service, service[0].saying(text), attempts=5)
    assert message in found
    assert times == 2
    assert refused(service, service[0].saying(text), attempts=1)[1] == 1


def test_the_second_answer_counts(service, waits):
    replies = [Reply("", 503), service[0].saying("prose"), Reply(kind="drop"), service[0].saying(SAID)]
    with service[0](*replies) as fake:
        assert len(reporter_at(fake, service[1], attempts=4)(case()).findings) == 2
        assert len(fake.requests) == 4
    assert len(waits) == 3


def test_no_key(service, monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.delenv("OPENAI_API_KEY")
    reporters = {GeminiReporter: GeminiReporter(), OpenAIReporter: OpenAIReporter(model=MODEL)}
    with pytest.raises(RemoteError, match=r"environment has no (GEMINI|OPENAI)_API_KEY.*; set (GEMINI|OPENAI)_API_KEY"):
        reporters[service[1]](case())


def test_wrong_key(service):
    found, times = refused(service, service[0].saying(SAID), key="right")
    assert "refused the key (40" in found
    assert "check " in found
    assert "canary" not in found
    assert times == 1


def test_a_key_that_would_break_a_header_is_not_printed(service, monkeypatch):
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "secret\r\nX-Other: 1")
    found, times = refused(service, service[0].saying(SAID))
    assert "characters that no key has" in found
    assert "secret" not in found
    assert times == 0


def test_network_down(service):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(RemoteError, match=r"cannot be reached .* \(3 tries\); check the network"):
        service[1](model=MODEL, base_url=url, attempts=3, timeout_seconds=2)(case())


def test_retry_after_is_heeded_up_to_a_bound(service, waits):
    with service[0](Reply("", 429, {"Retry-After": "7"}), service[0].saying(SAID)) as fake:
        reporter_at(fake, service[1])(case())
    assert waits == [7]
    found, times = refused(service, Reply("", 429, {"Retry-After": "3600"}))
    assert "asks to wait 3600 s" in found
    assert times == 1


def test_pauses_grow(service, waits):
    refused(service, Reply("", 500), attempts=8)
    assert all(low <= pause <= 2 * low for pause, low in zip(waits, (0.25, 0.5, 1, 2, 4, 4, 4), strict=True))


def test_redirects_lead_nowhere(service):
    with service[0](service[0].saying(SAID)) as other:
        for status in (301, 302, 307, 308):
            location = other.url.removesuffix(other.base) + other.path
            found, _ = refused(service, Reply("", status, {"Location": location}))
            assert f"another address ({status}), which is not followed; check reporter.base_url" in found
        assert not other.requests


def test_no_proxy_sees_what_stays_on_this_machine(service, monkeypatch):
    with service[0](Reply("", 500)) as proxy, service[0](service[0].saying(SAID)) as fake:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        reporter_at(fake, service[1])(case())
        assert (len(proxy.requests), len(fake.requests)) == (0, 1)


def pictured():
    return case(pixels=np.arange(64, dtype=np.uint8).reshape(8, 8), query="any “effusion”?", caption="a chest")


def without_picture(body, size):
    """Name a picture by its size, by other means than the reporter's own."""
    for part in body.get("contents", [{}])[0].get("parts", []):
        if "inlineData" in part:
            part["inlineData"]["data"] = f"<image, {size} bytes>"
    for message in body.get("messages", []):
        for part in message["content"] if isinstance(message["content"], list) else []:
            if "image_url" in part:
                part["image_url"]["url"] = f"<image, {size} bytes>"
    return body


@pytest.mark.parametrize("send_image", [True, False])
def test_the_preview_is_the_body(service, send_image):
    with service[0](service[0].saying(SAID)) as fake:
        reporter = reporter_at(fake, service[1], send_image=send_image)
        preview = reporter.preview(pictured())
        assert not fake.requests
        reporter(pictured())
        body = fake.requests[0].body
    size = len(reporter._prompt(pictured()).image or b"")
    assert json.loads(preview) == without_picture(body, size)
    assert (f"<image, {size} bytes>" in preview) == send_image == (size > 0)
    assert KEY not in preview


def test_a_preview_needs_neither_key_nor_network(service, monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("looked up a host"))
    preview = service[1](model=MODEL, dry_run=True).preview(case())
    assert "Report number 3" in preview
    assert '"temperature": 0' in preview


def test_no_key_in_any_log(service, caplog):
    caplog.set_level(logging.DEBUG)
    with service[0](Reply({"error": {"message": f"key={KEY}"}}, 500), service[0].saying(SAID), key=KEY) as fake:
        reporter_at(fake, service[1])(case())
    assert caplog.records
    assert KEY not in caplog.text
    found, _ = refused(service, Reply({"error": {"message": f"https://x/?key={KEY} and {KEY}"}}, 500))
    assert "[key]" in found


def test_environment_does_not_move_the_endpoint(service, monkeypatch):
    with service[0](service[0].saying(SAID)) as other, service[0](service[0].saying(SAID)) as fake:
        for name in ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "OPENAI_BASE_URL"):
            monkeypatch.setenv(name, other.url)
        monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "elsewhere")
        reporter_at(fake, service[1])(case())
        assert (len(other.requests), len(fake.requests)) == (0, 1)
