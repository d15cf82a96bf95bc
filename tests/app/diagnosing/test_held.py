"""What one session holds."""

from medxpert.app.diagnosing.held import MOST, Asked, held, hold


def test_a_session_holds_a_bounded_number_of_answers():
    state = {}
    for number in range(MOST + 3):
        hold(state, Asked(str(number), "open", "run"), object())
        assert held(state, Asked("0", "open", "run")) is not None

    assert len(state["diagnose.held"]) == MOST
    assert held(state, Asked("1", "open", "run")) is None
