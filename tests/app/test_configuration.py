from concurrent.futures import ThreadPoolExecutor

import pytest

from medxpert.app import configuration as configuring
from medxpert.app.configuration import configuration
from medxpert.errors import ConfigError


@pytest.fixture(autouse=True)
def _fresh():
    configuring._composed.cache_clear()
    yield
    configuring._composed.cache_clear()


def test_sessions_that_come_at_once_share_one(monkeypatch):
    calls, compose = [], configuring.composed
    monkeypatch.setattr(configuring, "composed", lambda name, given: calls.append(given) or compose(name, given))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(configuration, [("top_k=3",)] * 4))
    assert [one.top_k for one in made] == [3, 3, 3, 3]
    assert calls == [("top_k=3",)]


def test_a_fault_is_said_each_time():
    for _ in range(2):
        with pytest.raises(ConfigError, match="unknown key"):
            configuration(("rn=latest",))
