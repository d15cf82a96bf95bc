"""What one session holds."""

from medxpert.app.holding import Holding


def test_the_longest_unused_goes_first():
    held, state = Holding("room.things", 2), {}
    for key in "ab":
        held.put(state, key, key.upper())
    assert held.get(state, "a") == "A"
    held.put(state, "c", "C")

    assert list(state["room.things"]) == ["a", "c"]
    assert held.get(state, "b") is None
    held.drop(state, "a")
    held.drop(state, "never held")
    assert held.get(state, "a") is None
