import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from medxpert.reporters.refusals import refusal

ENDLESS = float("inf")


def error(message, **more):
    return json.dumps({"error": {"message": message} | more}).encode()


@pytest.mark.parametrize(
    ("status", "content", "what", "again"),
    [
        (307, b"", "sends on to another address (307), which is not followed", 0),
        (400, error("bad field"), "refused the request (400: bad field)", 0),
        (400, error("API key not valid. Please pass a valid API key."), "refused the key (400)", 0),
        (401, error("sk-canary"), "refused the key (401)", 0),
        (403, b"<html>", "refused the key (403)", 0),
        (404, b"", "knows no such model or address (404)", 0),
        (408, b"", "is out of order (408)", ENDLESS),
        (429, error("slow down"), "refuses more requests (429: slow down)", ENDLESS),
        (429, error("pay", code="insufficient_quota"), "refuses more requests (429: pay)", 0),
        (500, error("oh"), "is out of order (500: oh)", ENDLESS),
        (503, b"<html><p>Bad", "is out of order (503)", ENDLESS),
        (529, b"\xff\xfe", "is out of order (529)", ENDLESS),
        (500, b"[" * 100_000, "is out of order (500)", ENDLESS),
        (418, json.dumps([{"error": {"message": "in a list"}}]).encode(), "refused the request (418: in a list)", 0),
        (422, json.dumps({"error": "just text"}).encode(), "refused the request (422: just text)", 0),
        (422, json.dumps({"error": {"message": {"deep": 1}}}).encode(), "refused the request (422)", 0),
        (422, b"3", "refused the request (422)", 0),
    ],
)
def test_refusal(status, content, what, again):
    found = refusal(status, {}, content, "SOME_KEY")
    assert (found.what, found.again) == (what, again)
    assert found.cure


def test_a_wrong_key_names_its_variable():
    assert "SOME_KEY" in refusal(401, {}, b"", "SOME_KEY").cure


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5), ("0", 0), ("2.5", 2.5), ("", None), ("soon", None), ("-5", None), ("9" * 400, None)],
)
def test_retry_after(value, seconds):
    assert refusal(429, {"Retry-After": value}, b"", "K").after_seconds == seconds
    assert refusal(503, {"Retry-After": value}, b"", "K").after_seconds == seconds


def test_retry_after_a_date():
    for later, low, high in ((30, 25, 30), (-30, 0, 0)):
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=later), usegmt=True)
        assert low <= refusal(429, {"Retry-After": date}, b"", "K").after_seconds <= high


def test_secrets_are_left_out():
    assert "hunter2" not in refusal(500, {}, error("hunter2 is wrong"), "K", ("hunter2",)).what
