"""Evidence never comes from the query's own patient, nor from validation or test."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from medxpert.cases import SCHEMA, Cases, encode_labels, write_cases
from medxpert.folders import seal
from medxpert.indexes import gallery
from medxpert.indexes.filter import Filter
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.own import NOBODY, Owners, Traces
from medxpert.indexes.writing import write_index
from medxpert.run import Run

CASES = (
    {"study_id": "twin", "patient_id": "me", "split": "train", "path": "/films/1.png", "image_hash": "h1"},
    {"study_id": "mine", "patient_id": "me", "split": "train", "path": "/films/2.png", "image_hash": "h2"},
    {"study_id": "tested", "patient_id": "she", "split": "test", "path": "/films/3.png", "image_hash": "h3"},
    {"study_id": "validated", "patient_id": "he", "split": "val", "path": "/films/4.png", "image_hash": "h4"},
    {"study_id": "other", "patient_id": "they", "split": "train", "path": "/films/5.png", "image_hash": "h5"},
    {"study_id": "nameless", "patient_id": "", "split": "train", "path": "", "image_hash": ""},
)


class Rows(NamedTuple):
    image: np.ndarray
    text: np.ndarray


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = tmp_path / "embeddings" / "train"
    folder.mkdir(parents=True)
    blank = dict.fromkeys(SCHEMA.names, "") | {"truth": None, "thumbnail": b"", "policy": "open", "images": 1}
    write_cases(folder / "cases.parquet", (blank | {"labels": encode_labels({})} | case for case in CASES))
    fields = {"encoder": "e", "policy": "open", "split": "train"}
    seal(folder, fields)
    angles = 0.1 * np.arange(len(CASES))
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    write_index(tmp_path / "index", FlatIndex, Rows(rows, rows), fields)
    return Run(tmp_path)


QUERY = np.array([1, 0], np.float32)


@pytest.mark.parametrize(
    ("traces", "expected"),
    [
        (NOBODY, ["twin", "mine", "other", "nameless"]),
        (Traces(path="/films/1.png"), ["other", "nameless"]),
        (Traces(image_hash="h2"), ["other", "nameless"]),
        (Traces(patient_ids=("", "me")), ["other", "nameless"]),
        (Traces(patient_ids=("me", "they")), ["nameless"]),
        (Traces(image_hash="h5", others=(Traces(path="/films/1.png"),)), ["nameless"]),
        (Traces(path="/films/9.png", image_hash="h9", patient_ids=("",)), ["twin", "mine", "other", "nameless"]),
    ],
)
def test_evidence(run, traces, expected):
    assert [hit.study_id for hit in Gallery(run, "e").evidence(QUERY, 30, traces)] == expected


@pytest.mark.parametrize("at_once", [1, 2, 256])
def test_evidence_for_many_is_that_for_each(run, monkeypatch, at_once):
    monkeypatch.setattr(gallery, "_AT_ONCE", at_once)
    whose = [Traces(path="/films/1.png"), NOBODY, Traces(patient_ids=("they",)), Traces(image_hash="h3"), NOBODY]
    queries = np.stack([QUERY, QUERY[::-1], QUERY, -QUERY, (QUERY + QUERY[::-1]) / np.float32(np.sqrt(2))])
    opened = Gallery(run, "e")
    for top_k in (1, 2, 30):
        each = [opened.evidence(query, top_k, traces) for query, traces in zip(queries, whose, strict=True)]
        assert [len(hits) for hits in each] == [min(top_k, most) for most in (2, 4, 3, 4, 4)]
        assert list(opened.evidence_of_each(queries, top_k, whose)) == each
    assert list(opened.evidence_of_each(queries[:0], 3, [])) == []


def test_a_user_may_look_at_test_cases_but_not_at_the_own_patient(run):
    found = Gallery(run, "e").search(QUERY, 6, "both", Filter(), Traces(path="/films/1.png"))
    assert [hit.study_id for hit in found] == ["tested", "validated", "other", "nameless"]


def test_patients_of_a_mix_are_known_by_their_own_names(tmp_path):
    blank = dict.fromkeys(SCHEMA.names, "") | {
        "truth": None,
        "thumbnail": b"",
        "images": 1,
        "labels": encode_labels({}),
    }
    write_cases(tmp_path / "c", [blank | {"patient_id": name} for name in ("a/p1", "b/p1", "b/p2")])
    assert Owners(Cases(tmp_path / "c")).own(Traces(patient_ids=("p1",))).tolist() == [True, True, False]


def test_nobody_owns_what_has_no_traces(run):
    cases = Cases(run.path / "embeddings" / "train" / "cases.parquet")
    assert Owners(cases).own(NOBODY).tolist() == [False] * 6
