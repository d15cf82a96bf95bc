"""Means, medians and paired differences, against sums written out."""

import numpy as np
import pytest

from medxpert.rating.comparing import differences, plain, summaries
from medxpert.rating.ratings import Ratings

NAN = float("nan")


@pytest.fixture
def ratings(rated):
    """Two readers, three cases, two sources; the second reader rated one report of the last case only."""
    values = {
        ("A", 1): (5, 3),
        ("A", 2): (4, 4),
        ("A", 3): (5, 1),
        ("B", 1): (3, 3),
        ("B", 2): (4, 2),
        ("B", 3): (1, None),
    }
    rows = [
        rated(reader, case, source, correctness=value)
        for (reader, case), pair in values.items()
        for source, value in zip(("x", "y"), pair, strict=True)
        if value is not None
    ]
    rows.append(rated("A", 1, "x", repeated=True, correctness=1))
    return Ratings.of(rows, 300)


def _one(found, **wanted):
    (one,) = (row for row in found if all(getattr(row, name) == value for name, value in wanted.items()))
    return one


def test_a_mean_is_over_cases_each_averaged_over_its_readers(ratings):
    found = summaries(ratings, draws=50)
    x, y = (_one(found, outcome="correctness", source=name) for name in "xy")

    assert x.mean["value"] == pytest.approx(np.mean([4, 4, 3]))
    assert y.mean["value"] == pytest.approx(np.mean([3, 3, 1]))
    assert x.median["value"] == 4
    assert (y.num_ratings, y.num_cases, y.num_readers) == (5, 3, 2)


def test_a_difference_counts_who_rated_both_reports_of_a_case(ratings):
    found = _one(differences(ratings, draws=50), outcome="correctness")

    assert (found.first, found.second) == ("x", "y")
    assert found.difference["value"] == pytest.approx(np.mean([(2 + 0) / 2, (0 + 2) / 2, 4]))
    assert (found.num_cases, found.num_readers) == (3, 2)
    assert found.readers_too["low"] <= found.difference["value"] <= found.readers_too["high"]
    # all three cases favour x: two of the eight patterns of signs reach as far
    assert found.p == pytest.approx(2 / 8)


def test_holm_is_over_all_primary_outcomes_and_no_others(ratings):
    found = differences(ratings, draws=50)
    corrected = {one.outcome: one.p_holm for one in found if one.p_holm is not None}

    assert set(corrected) == {"correctness", "completeness", "harm", "signable"}
    assert corrected["correctness"] == pytest.approx(1.0)


def test_one_reader_alone_has_no_interval_over_readers(rated):
    rows = [rated("A", case, source, correctness=case) for case in (1, 2) for source in "xy"]

    assert _one(differences(Ratings.of(rows, 300), draws=20), outcome="correctness").readers_too == {}


def test_time_leaves_out_long_silences_and_broken_sessions(rated):
    rows = [
        rated("A", 1, "x", seconds=10.0),
        rated("A", 2, "x", seconds=900.0, silent_seconds=301.0),
        rated("A", 3, "x", seconds=700.0, views=2),
    ]
    found = _one(summaries(Ratings.of(rows, 300), draws=20), outcome="seconds", source="x")

    assert (found.mean["value"], found.num_ratings) == (10, 1)


def test_sources_that_no_reader_rated_together_have_no_difference(rated):
    rows = [rated("A", 1, "x"), rated("B", 1, "y")]
    found = _one(differences(Ratings.of(rows, 300), draws=20), outcome="harm")

    assert np.isnan(found.p)
    assert found.p_holm is None
    assert plain(found)["difference"]["value"] is None


def test_sharing_a_patient_cases_are_drawn_together(rated):
    rows = [rated("A", case, "x", correctness=1 + case)._replace(patient_id="same") for case in (1, 2, 3)]
    found = _one(summaries(Ratings.of(rows, 300), draws=20), outcome="correctness", source="x")

    assert found.mean == {"value": 3, "low": 3, "high": 3}


def test_the_interval_over_readers_is_wider_where_readers_differ(rated):
    rows = [
        rated(reader, case, source, correctness=4 if source == "y" else 4 + shift)
        for reader, shift in (("A", 1), ("B", -2))
        for case in range(1, 9)
        for source in "xy"
    ]
    found = _one(differences(Ratings.of(rows, 300), draws=200), outcome="correctness")

    assert found.difference == {"value": -0.5, "low": -0.5, "high": -0.5}
    assert found.readers_too == {"low": -2, "high": 1}
