"""In which order a reader gets the reports: counterbalanced over readers and cases, some of them twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEWEST_BETWEEN = 2
"""Reports that must lie between a report and its repetition, where there are so many."""


class Place(NamedTuple):
    """One report in a reader's order."""

    case: int
    """Its number."""
    source: str
    repeat: bool = False
    """Whether the reader has rated it before."""


def order_of(cases: Sequence[int], sources: Sequence[str], reader: int, repeat_share: float, seed: int) -> list[Place]:
    """Return all reports in the order in which one reader gets them.

    The reports of a case follow each other, so that its image is read once. Readers come in twos: the second gets the
    cases from the last to the first, so that no case is always early. The order of the sources within a case follows
    the rows of a balanced Latin square (Williams, Australian Journal of Scientific Research 1949), spread over the
    cases at random: each source comes as often first, second and so on, and after each other one. At the end
    `repeat_share` of the reports come again, taken from the first half.

    Args:
        cases: their numbers.
        sources: their names.
        reader: number of the reader, from 0.
        repeat_share: of all reports.
        seed: of the study.
    """
    both, own = np.random.default_rng([seed, reader // 2]), np.random.default_rng([seed, reader, 1])
    places = [cases[place] for place in both.permutation(len(cases))]
    places = places[::-1] if reader % 2 else places
    rows = balanced_rows(len(sources))
    turns = [rows[turn % len(rows)] for turn in range(len(cases))]
    turns = [turns[place] for place in own.permutation(len(turns))]
    named = [sources[place] for place in own.permutation(len(sources))]
    found = [Place(case, named[place]) for case, turn in zip(places, turns, strict=True) for place in turn]
    again = _again(len(found), round(repeat_share * len(found)), own)
    return found + [found[place]._replace(repeat=True) for place in again]


def _again(count: int, wanted: int, generator: np.random.Generator) -> list[int]:
    early = max(1, min(count // 2, count - FEWEST_BETWEEN)) if count else 0
    return [int(place) for place in generator.permutation(early)[:wanted]]


def balanced_rows(count: int) -> list[list[int]]:
    """Return rows of 0..count-1 in which each follows each other one equally often: count rows, twice if it is odd."""
    first = [(place + 1) // 2 if place % 2 else -place // 2 for place in range(count)]
    rows = [[(value + shift) % count for value in first] for shift in range(count)]
    return rows if count % 2 == 0 else rows + [row[::-1] for row in rows]
