"""Agreement of pairs, of all, and of one with themselves."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from medxpert.rating.agreeing import agreements
from medxpert.rating.analysis import analyse
from medxpert.rating.layout import tables
from medxpert.rating.ratings import Ratings
from medxpert.tables.blocks import DASH


def _rows(rated, table, repeated=False):
    return [
        rated(reader, case, "x", repeated, correctness=value)
        for reader, values in table.items()
        for case, value in enumerate(values, start=1)
        if value is not None
    ]


def _correctness(rows):
    return next(one for one in agreements(Ratings.of(rows, 300)) if one.scale == "correctness")


def test_kappa_of_each_pair_and_their_mean(rated):
    table = {"A": [1, 2, 3, 4, 5, 5], "B": [1, 3, 3, 4, 4, 5], "C": [2, 2, 2, 5, 5, None]}
    found = _correctness(_rows(rated, table))
    expected = [
        cohen_kappa_score(table[one][:most], table[other][:most], weights="quadratic")
        for one, other, most in (("A", "B", 6), ("A", "C", 5), ("B", "C", 5))
    ]

    assert [one.quadratic["value"] for one in found.pairs] == pytest.approx(expected)
    assert found.mean_quadratic == pytest.approx(np.mean(expected))
    assert [one.num_reports for one in found.pairs] == [6, 5, 5]
    assert found.pairs[0].exact == pytest.approx(4 / 6)
    assert (found.correlation.num_targets, found.correlation.num_readers) == (5, 3)


def test_who_rated_little_does_not_cost_the_others_their_correlation(rated):
    found = _correctness(_rows(rated, {"A": [1, 2, 3, 4], "B": [1, 2, 4, 4], "C": [5, None, None, None]}))

    assert found.left_out == ("C",)
    assert (found.correlation.num_targets, found.correlation.num_readers) == (4, 2)


def test_a_reader_agrees_with_themselves_on_repetitions(rated):
    first = _rows(rated, {"A": [1, 2, 3, 4], "B": [1, 2, 3, 4]})
    again = _rows(rated, {"A": [1, 2, None, 4]}, repeated=True)
    found = _correctness([*first, *again])

    (own,) = found.repeats
    assert (own.first, own.second, own.num_reports, own.exact) == ("A", "A", 3, 1)
    assert own.linear["value"] == 1


def test_readers_who_agree_in_all_are_shown_without_an_interval_and_it_is_told(rated, study):
    rows = _rows(rated, {"A": [1, 2, 4, 5], "B": [1, 2, 4, 5]})
    found = analyse(rows, study, draws=20)
    block = next(one for one in tables(study, found).blocks if one.title == "Agreement")
    told = next(one for one in found.as_json()["agreement"] if one["scale"] == "correctness")["correlation"]

    assert [(one.value, one.interval) for one in block.rows[0].cells[2:4]] == [("1.00", DASH)] * 2
    assert (told["single"], told["single_low"], told["average_high"]) == (pytest.approx(1), None, None)
    assert any("no interval" in note for note in found.notes)


def test_a_single_reader_has_no_agreement(rated):
    found = _correctness(_rows(rated, {"A": [1, 2, 3]}))

    assert found.pairs == ()
    assert np.isnan(found.mean_linear)
    assert np.isnan(found.correlation.single)
