import pytest

from medxpert.errors import RemoteError
from medxpert.reporters.retries import LONGEST_WAIT_SECONDS, Failed, Unreadable, persist, told

ENDLESS = float("inf")


def asking(*outcomes):
    """A service that fails or answers as told, and the list of what is left."""
    left = list(outcomes)

    def ask():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask, left


@pytest.mark.parametrize(
    ("outcomes", "attempts", "asked"),
    [
        ([Failed("a", "b")], 5, 1),
        ([Failed("a", "b", again=ENDLESS)] * 9, 5, 5),
        ([Unreadable("a")] * 9, 5, 2),
        ([Unreadable("a")] * 9, 1, 1),
        ([Failed("a", "b", ENDLESS), Unreadable("a"), Failed("a", "b", ENDLESS), Unreadable("a"), 1], 9, 4),
        ([Failed("a", "b", ENDLESS, after_seconds=LONGEST_WAIT_SECONDS + 1), 1], 5, 1),
    ],
)
def test_gives_up(waits, outcomes, attempts, asked):
    ask, left = asking(*outcomes)
    with pytest.raises(RemoteError, match=r"^service: a.*; .+$"):
        persist(ask, "service", attempts)
    assert len(outcomes) - len(left) == asked
    assert len(waits) == asked - 1


def test_an_answer_after_faults(waits):
    ask, _ = asking(Failed("a", "b", ENDLESS), Unreadable("a"), Failed("a", "b", ENDLESS, after_seconds=9), "answer")
    assert persist(ask, "service", 4) == "answer"
    assert waits[2] == 9


def test_pauses_differ(waits):
    for _ in range(5):
        with pytest.raises(RemoteError):
            persist(asking(*[Failed("a", "b", ENDLESS)] * 2)[0], "service", 2)
    assert len(set(waits)) == 5
    assert all(0.25 <= pause <= 0.5 for pause in waits)


def test_other_faults_are_not_hidden(waits):
    with pytest.raises(ZeroDivisionError):
        persist(lambda: 1 // 0, "service", 3)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo\t\x1b[31mthree\u202e", "one two [31mthree"),
        ("see https://x/v1?key=abc123&x=1", "see https://x/v1?[key]"),
        ("Incorrect API key provided: sk-pr***abcd.", "Incorrect API key provided: [key]"),
        ("Bearer ya29.a0Af", "[key]"),
        ("token AIzaSyA-1234 expired", "[key] expired"),
        ("my secret is hunter2!", "my secret is [key]!"),
        ("token count exceeds the most", "token count exceeds the most"),
        ("input token count (1200) is too high", "input token count (1200) is too high"),
    ],
)
def test_told(text, line):
    assert told(text, ("hunter2", "")) == line


def test_told_is_short():
    assert len(told("word " * 1000)) == 200
