import pytest
from reporters.fakes import KEY

from medxpert.reporters import retries

PLACES = ("GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "OPENAI_BASE_URL")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def waits(monkeypatch):
    """Seconds that were not waited, in an environment that has the two keys and points nowhere."""
    for name in (*PROXIES, *map(str.lower, PROXIES), *PLACES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    waited = []
    monkeypatch.setattr(retries, "sleep", waited.append)
    return waited
