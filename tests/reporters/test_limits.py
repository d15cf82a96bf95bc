import pytest

from medxpert.errors import ConfigError
from medxpert.reporters.gemini import GeminiReporter
from medxpert.reporters.limits import checked_url
from medxpert.reporters.openai_compatible import OpenAIReporter


@pytest.mark.parametrize("kind", [GeminiReporter, OpenAIReporter])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timeout_seconds", 0),
        ("timeout_seconds", float("nan")),
        ("attempts", 0),
        ("attempts", 21),
        ("attempts", True),
        ("max_tokens", 1),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("max_cases", -1),
        ("model", ""),
        ("model", "a b"),
        ("model", "../../other"),
        ("model", "m?key=1"),
    ],
)
def test_out_of_range(kind, key, value):
    with pytest.raises(ConfigError, match=f"^reporter.{key}: expected .* found .*reporter.{key}"):
        kind(**({"model": "m"} | {key: value}))


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "meta-llama/Llama-4", "llama4:8b", "models/x", "ft:gpt:me::1"])
def test_models(model):
    assert OpenAIReporter(model=model).model_id == model


@pytest.mark.parametrize(
    "url",
    [
        "localhost:11434",
        "ftp://x/",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@host/",
        "https://host/?key=secret",
        "https://host/#secret",
        "http://host:99999/",
        "http://host:0/",
        "http://[::1/",
        "http://host/ x",
        "http://host/\n",
        "https:",
    ],
)
def test_addresses(url):
    with pytest.raises(ConfigError, match=r"^reporter.base_url: expected http") as caught:
        checked_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:11434/v1", "https://host.example/a/b/", "http://[::1]:8000/v1"])
def test_good_addresses(url):
    checked_url(url)
