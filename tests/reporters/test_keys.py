import pytest

from medxpert.reporters.keys import key_of
from medxpert.reporters.retries import Failed


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    for name in ("FIRST_KEY", "SECOND_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_that_is_set(monkeypatch):
    monkeypatch.setenv("SECOND_KEY", " two \n")
    assert key_of(("FIRST_KEY", "SECOND_KEY")) == "two"
    monkeypatch.setenv("FIRST_KEY", "one")
    assert key_of(("FIRST_KEY", "SECOND_KEY")) == "one"
    monkeypatch.setenv("FIRST_KEY", "  ")
    assert key_of(("FIRST_KEY", "SECOND_KEY")) == "two"


def test_none():
    with pytest.raises(Failed, match="no FIRST_KEY or SECOND_KEY") as caught:
        key_of(("FIRST_KEY", "SECOND_KEY"))
    assert caught.value.cure == "set FIRST_KEY"
    assert key_of(("FIRST_KEY",), needed=False) == ""


@pytest.mark.parametrize("key", ["a b", "a\nb", "schlüssel", "a\x01"])
def test_what_no_key_holds_is_not_printed(monkeypatch, key):
    monkeypatch.setenv("FIRST_KEY", key)
    with pytest.raises(Failed, match="FIRST_KEY holds characters") as caught:
        key_of(("FIRST_KEY",))
    assert key not in str(caught.value)
