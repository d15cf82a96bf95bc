from datetime import date

import pytest

from medxpert.endpoints import Attestation, endpoint_of, is_loopback
from medxpert.errors import ConfigError
from medxpert.reporting import Endpoint

TODAY = date(2026, 11, 26)
NAME = "Vertex project p in europe-west4"
STATEMENT = "The privacy officer checked the contract."
HOLDS = Attestation(NAME, "2026-11-01", STATEMENT)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "HTTP://LOCALHOST",
        "https://127.0.0.1",
        "http://127.8.9.10:80/v1?a=b",
        "http://[::1]:8000/v1",
        "http://[0:0:0:0:0:0:0:1]",
    ],
)
def test_this_machine(url):
    assert is_loopback(url)
    assert endpoint_of("ollama", url, True, None) == Endpoint("local", "ollama on this machine")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.evil.com",
        "http://evil.com/localhost",
        "http://evil.com#localhost",
        "http://127.0.0.1@evil.com",
        "http://user@localhost",
        "http://localhost:80@evil.com",
        "http://127.0.0.1.nip.io",
        "http://127.0.0.1%2eevil.com",
        "http://127.0.0.1\\.evil.com",
        "http://127.0.0.1\\@evil.com",
        "http://local\nhost",
        " http://localhost",
        "http://ⓛocalhost",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:8.8.8.8]",
        "http://[::1%eth0]",
        "http://[::1",
        "http://128.0.0.1",
        "http://192.168.0.1",
        "http://127.1",
        "http://2130706433",
        "http://0177.0.0.1",
        "http://localhost:99999",
        "http://localhost:0",
        "ftp://localhost",
        "file://localhost/a",
        "//localhost",
        "localhost:11434",
        "http://",
        "",
    ],
)
def test_another_machine_or_nobody_knows(url):
    assert not is_loopback(url)
    assert endpoint_of("ollama", url, True, None) == Endpoint("public", "ollama")


def test_a_loopback_that_may_be_a_proxy_is_not_local():
    assert endpoint_of("Gemini API", "http://127.0.0.1:1", False, None) == Endpoint("public", "Gemini API")


def test_a_provider_of_its_own_place_is_public():
    assert endpoint_of("Gemini API", None, True, None) == Endpoint("public", "Gemini API")


@pytest.mark.parametrize("day", ["2026-11-26", "2025-11-26"])
def test_attested(day):
    assert endpoint_of(NAME, None, False, Attestation(NAME, day, STATEMENT), TODAY) == Endpoint("attested", NAME)


def test_the_statement_must_hold_today():
    today = date.today().isoformat()
    assert endpoint_of(NAME, None, False, Attestation(NAME, today, STATEMENT)).kind == "attested"


@pytest.mark.parametrize(
    ("attestation", "message"),
    [
        (Attestation("Vertex project q in europe-west4", "2026-11-01", STATEMENT), "attested_endpoint: expected 'Vert"),
        (Attestation(NAME + " ", "2026-11-01", STATEMENT), "attested_endpoint: "),
        (Attestation("", "2026-11-01", STATEMENT), "attested_endpoint: "),
        (Attestation(NAME, "2026-11-27", STATEMENT), "attested_on: expected a day of the last 365, found 2026-11-27"),
        (Attestation(NAME, "2025-11-25", STATEMENT), "attested_on: .* verify it again"),
        (Attestation(NAME, "", STATEMENT), "attested_on: expected a date such as"),
        (Attestation(NAME, "last May", STATEMENT), "attested_on: expected a date such as .*'last May'"),
        (Attestation(NAME, "2026-11-01", ""), "attested_statement: "),
        (Attestation(NAME, "2026-11-01", "trust me" + " " * 30), "attested_statement: .*'trust me"),
    ],
)
def test_statements_that_do_not_hold(attestation, message):
    with pytest.raises(ConfigError, match=f"reporter.{message}"):
        endpoint_of(NAME, None, False, attestation, TODAY)


def test_a_bare_key_cannot_be_vouched_for():
    with pytest.raises(ConfigError, match=r"reporter.attested_endpoint: .*bare API key.*always public"):
        endpoint_of(NAME, None, False, HOLDS, TODAY, can_attest=False)
    assert endpoint_of(NAME, None, False, None, TODAY, can_attest=False).kind == "public"
