"""Orders are balanced over readers, cases and sources."""

import itertools
from collections import Counter

import pytest

from medxpert.rating.order import balanced_rows, order_of

CASES, SOURCES = range(1, 13), ("a", "b", "c")


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_each_source_comes_equally_often_at_each_place_and_after_each_other(count):
    rows = balanced_rows(count)

    assert all(sorted(row) == list(range(count)) for row in rows)
    places = Counter((place, value) for row in rows for place, value in enumerate(row))
    assert set(places.values()) == {len(rows) // count}
    followed = Counter(pair for row in rows for pair in itertools.pairwise(row))
    assert set(followed.values()) == {len(rows) // count}
    assert len(followed) == count * (count - 1)


def test_every_report_comes_once_before_any_comes_twice():
    found = order_of(CASES, SOURCES, 0, 0.25, 7)
    first, again = found[:36], found[36:]

    assert {(one.case, one.source) for one in first} == {(case, source) for case in CASES for source in SOURCES}
    assert not any(one.repeat for one in first)
    assert len(again) == 9
    assert all(one.repeat and one._replace(repeat=False) in first[:18] for one in again)
    assert len(set(again)) == 9


def test_each_source_is_first_of_its_case_equally_often():
    found = order_of(CASES, SOURCES, 0, 0, 7)

    assert Counter(one.source for one in found[::3]) == {"a": 4, "b": 4, "c": 4}


def test_the_second_reader_gets_the_cases_from_the_last_to_the_first():
    one, other, third = ([place.case for place in order_of(CASES, SOURCES, reader, 0, 7)[::3]] for reader in (0, 1, 2))

    assert one == other[::-1]
    assert third not in (one, other)


def test_an_order_is_drawn_from_the_seed():
    assert order_of(CASES, SOURCES, 1, 0.1, 7) == order_of(CASES, SOURCES, 1, 0.1, 7)
    assert order_of(CASES, SOURCES, 1, 0.1, 7) != order_of(CASES, SOURCES, 1, 0.1, 8)


def test_two_reports_can_be_repeated():
    assert len(order_of([1], ["a", "b"], 0, 0.5, 0)) == 3
