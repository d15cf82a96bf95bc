from pathlib import Path

import numpy as np
import pytest

from medxpert.cases import Cases
from medxpert.data.leaks import IMAGE, PATIENT
from medxpert.galleries.news import OTHER, THERE, Known, news_of


def cases(*rows):
    ids, patients, hashes = zip(*rows, strict=True)
    return Cases.of({"study_id": ids, "patient_id": patients, "image_hash": hashes}, Path("x"))


KNOWN = Known(
    cases(("s1", "p1", "h1"), ("s2", "row 1", None)),
    {"val": cases(("v1", "mix/p8", "h8"), ("v2", "row 1", "h9"))},
)
OFFERED = (
    ("s1", "p1", "h1"),  # the same
    ("s9", "p9", "h1"),  # its image under another name
    ("s2", "p2", "h2"),  # its id, and nobody knows the other's image
    ("s1", "p1", "h3"),  # its id with another image
    ("v1", "p4", "h4"),
    ("n1", "p8", "h5"),
    ("n2", "p9", "h9"),
    ("n3", "p1", "h6"),
    ("n4", "row 1", "h7"),
    ("n5", "p3", None),
)


def test_every_reason_for_which_a_study_is_left_out():
    news = news_of(cases(*OFFERED), KNOWN)
    reasons = [(item.where, item.reason) for item in news.left_out]
    assert reasons == [
        ("s1", THERE),
        ("s9", THERE),
        ("s2", THERE),
        ("s1", OTHER),
        ("v1", OTHER),
        ("n1", PATIENT),
        ("n2", IMAGE),
    ]
    assert news.rows.tolist() == [7, 8, 9]
    assert news.study_ids == ["n3", "n4", "n5"]
    # row 1 is somebody else here
    assert news.patient_ids == ["p1", "row 10", "p3"]


@pytest.mark.parametrize(
    ("held", "offered", "prefix", "split"),
    [
        ("10", "10", None, "test"),
        ("10", "mimic/10", None, "test"),
        ("mimic/10", "10", None, "test"),
        ("mimic/10", "mimic/10", None, "test"),
        ("all/mimic/10", "mimic/10", None, "test"),
        ("mimic/10", "all/mimic/10", None, "test"),
        ("mimic/10", "openi/10", None, None),
        ("10", "110", None, None),
        ("10", "10", "b", None),
        ("mimic/10", "mimic/10", "b", None),
        ("b/10", "10", "b", "test"),
    ],
)
def test_a_patient_is_known_with_the_name_of_a_data_set_on_either_side(held, offered, prefix, split):
    known = Known(cases(("s", "p", "h")), {"test": cases(("t", held, "ht"))})
    news = news_of(cases(("n", offered, "hn")), known, prefix)
    assert [item.reason for item in news.left_out] == ([PATIENT] if split else [])


def test_what_is_offered_twice_is_taken_once():
    twice = (("n", "p", "hn"), ("n", "p", "hn"), ("m", "q", "hn"), ("n", "p", "ho"), ("o", "p", None), ("o", "p", None))
    for _ in range(2):  # and what is known stays as it was
        news = news_of(cases(*twice), KNOWN)
        assert news.study_ids == ["n", "o"]
        assert [(item.where, item.reason) for item in news.left_out] == [
            ("n", THERE),
            ("m", THERE),
            ("n", OTHER),
            ("o", THERE),
        ]


def test_a_prefix_tells_other_ids_apart_but_no_other_images():
    news = news_of(cases(*OFFERED), KNOWN, "b")
    assert [(item.where, item.reason) for item in news.left_out] == [
        ("b/s1", THERE),
        ("b/s9", THERE),
        ("b/n2", IMAGE),
    ]
    assert news.study_ids[:3] == ["b/s2", "b/s1", "b/v1"]
    assert news.patient_ids[-2:] == ["row 10", "b/p3"]
    assert news.rows.dtype == np.int64
