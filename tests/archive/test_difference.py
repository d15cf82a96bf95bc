"""What differs between versions."""

from dataclasses import replace

import pytest

from medxpert.archive.difference import Piece, compared, differences
from medxpert.reviewing import Decision


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ("a b", "a b", [("same", "a b")]),
        (
            "a small effusion.",
            "a large effusion.",
            [("same", "a "), ("gone", "small"), ("added", "large"), ("same", " effusion.")],
        ),
        ("", "new", [("added", "new")]),
        ("old", "", [("gone", "old")]),
        ("", "", []),
    ],
)
def test_words(before, after, pieces):
    assert list(compared(before, after)) == [Piece(*one) for one in pieces]


def test_only_parts_that_differ_are_listed(record):
    review = record.review
    decisions = (Decision("rejected"), *review.decisions[1:])
    other = replace(record, review=replace(review, decisions=decisions, note="", impression=("New.",)))

    assert differences(record, record) == []
    found = {
        one.part: "".join(f"[{piece.kind} {piece.words}]" for piece in one.pieces) for one in differences(record, other)
    }
    assert list(found) == ["Finding: Pleural Effusion", "Impression", "Note"]
    assert "[gone accepted][added rejected]" in found["Finding: Pleural Effusion"]
    assert found["Note"] == "[gone a note]"
