import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from medxpert.cases import SCHEMA, Cases, encode_labels, write_cases
from medxpert.errors import ConfigError, DataError
from medxpert.folders import seal
from medxpert.indexes.adding import add_to_index, open_index
from medxpert.indexes.filter import Filter
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.joined import cases_digests
from medxpert.indexes.own import NOBODY
from medxpert.indexes.writing import side_rows, write_index
from medxpert.run import Run

CASES = (
    {"study_id": "a1", "patient_id": "a", "view": "PA", "labels": encode_labels({"Pneumonia": 1})},
    {"study_id": "a2", "patient_id": "a", "view": "AP", "labels": encode_labels({"Pneumonia": 0})},
    {"study_id": "b1", "patient_id": "b", "view": "AP", "labels": encode_labels({"Pneumonia": 1})},
    {"study_id": "c1", "patient_id": "c", "view": "AP", "labels": encode_labels({"Pneumonia": -1})},
)
QUERY = np.array([1.0, 0, 0, 0], np.float32)


class Rows(NamedTuple):
    image: np.ndarray
    text: np.ndarray


def at(angles):
    """Unit rows at some angles from the query."""
    rows = np.zeros((len(angles), 4), np.float16)
    rows[:, 0], rows[:, 1] = np.cos(angles), np.sin(angles)
    return rows


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = tmp_path / "embeddings" / "train"
    folder.mkdir(parents=True)
    rows = (
        dict.fromkeys(SCHEMA.names, "") | {"truth": None, "thumbnail": b"", "policy": "open", "images": 1} | case
        for case in CASES
    )
    write_cases(folder / "cases.parquet", rows)
    image, text = at([0.0, 0.2, 0.4, 0.6]), at([0.7, 0.35, 0.05, 0.2])
    fields = {"encoder": "e", "policy": "open", "split": "train"}
    seal(folder, fields)
    write_index(tmp_path / "index", FlatIndex, Rows(image, text), fields)
    return Run(tmp_path)


def found(run: Run, top_k: int = 4, match: str = "image", **where: str) -> list[str]:
    return [hit.study_id for hit in Gallery(run, "e").search(QUERY, top_k, match, Filter(**where))]


def test_images_texts_and_the_mean_of_both_are_searched_apart(run):
    assert found(run) == ["a1", "a2", "b1", "c1"]
    assert found(run, match=r"text") == ["b1", "c1", "a2", "a1"]
    assert found(run, match=r"both") == ["b1", "a2", "a1", "c1"]


def test_the_mean_of_both_has_length_one_unless_they_are_opposite():
    rows = side_rows(Rows(at([0.0, 0.4]), at([0.6, 0.4 + np.pi])), "both")
    np.testing.assert_allclose(rows, [[np.cos(0.3), np.sin(0.3), 0, 0], [0, 0, 0, 0]], atol=1e-3)


def test_neither_side_weighs_more_for_being_longer():
    rows = side_rows(Rows(at([0.0, 0.4]), at([0.6, 0.8]) * np.float32([[0.1], [7]])), "both")
    np.testing.assert_allclose(rows, at([0.3, 0.6]), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_mean_of_unit_rows_is_that_of_the_rows_themselves(dtype):
    drawn = np.random.default_rng(3).standard_normal((2, 50, 8)).astype(np.float32)
    image, text = (drawn / np.linalg.norm(drawn, axis=2, keepdims=True)).astype(dtype)
    between = image.astype(np.float32) + text.astype(np.float32)
    np.testing.assert_array_equal(
        side_rows(Rows(image, text), "both"), between / np.linalg.norm(between, axis=1, keepdims=True)
    )


def test_an_index_without_both_says_how_to_rebuild_it(run):
    (run.index / "both.index").unlink()
    seal(run.index, json.loads((run.index / "manifest.json").read_text()))
    assert found(run) == ["a1", "a2", "b1", "c1"]
    with pytest.raises(DataError, match=r"holds no both.index; rebuild it: python -m medxpert.embed run="):
        found(run, match=r"both")


def test_hits_carry_rank_score_and_case(run):
    first, second = Gallery(run, "e").search(QUERY, 2, "image", Filter())
    assert (first.rank, first.score, first.labels) == (1, pytest.approx(1.0), {"Pneumonia": 1})
    assert (second.rank, second.score, second.patient_id, second.row) == (
        2,
        pytest.approx(np.cos(0.2), abs=1e-3),
        "a",
        1,
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"view": "AP"}, ["a2", "b1", "c1"]),
        ({"label": "Pneumonia"}, ["a1", "b1"]),
        ({"exclude_patient": "a"}, ["b1", "c1"]),
        ({"view": "AP", "exclude_patient": "a", "label": "Pneumonia"}, ["b1"]),
        ({"policy": "open"}, ["a1", "a2", "b1", "c1"]),
    ],
)
def test_filters(run, where, expected):
    assert found(run, **where) == expected


def test_filter_that_nothing_passes_says_what_there_is(run):
    with pytest.raises(ConfigError, match=r"no indexed case passes filter.view=ap; the index holds view AP, PA; "):
        found(run, view="ap")


def test_bad_requests(run):
    for top_k in (0, 5):
        with pytest.raises(ConfigError, match=rf"top_k={top_k} lies outside 1..4"):
            found(run, top_k)
    with pytest.raises(ConfigError, match=r"match=all: expected image, text or both"):
        found(run, match=r"all")
    with pytest.raises(ConfigError, match=r"filter.label=Flu: expected one of No Finding"):
        found(run, label="Flu")


def test_other_encoder_is_refused(run):
    with pytest.raises(DataError, match=r"built by encoder e, .* rebuild it: python -m medxpert.embed run="):
        Gallery(run, "f")


def rewritten(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_cases_that_took_the_place_of_others_are_refused(run):
    train = run.path / "embeddings" / "train"
    rewritten(run.index, cases=cases_digests([train]))
    assert found(run) == ["a1", "a2", "b1", "c1"]
    columns = {name: Cases(train / "cases.parquet").column(name) for name in SCHEMA.names}
    columns["study_id"].reverse()
    labels = Cases(train / "cases.parquet").labels
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    write_cases(train / "cases.parquet", [row | {"labels": labels[at].tolist()} for at, row in enumerate(rows)])
    seal(train, {"encoder": "e"})
    with pytest.raises(DataError, match=r"built for other studies .* rebuild it: python -m medxpert.embed run="):
        Gallery(run, "e")


def test_an_index_that_is_replaced_is_not_taken_for_the_one_that_was_opened(run):
    gallery = Gallery(run, "e")
    first = gallery.search(QUERY, 1, "image", Filter())
    add_to_index(run.index, Rows(at([0.0]), at([0.0])), {"added": ["1"]}, "cure")
    assert gallery.search(QUERY, 1, "image", Filter()) == first
    for late in (lambda: gallery.search(QUERY, 1, "text", Filter()), lambda: gallery.vectors):
        with pytest.raises(DataError, match=r"was replaced while it was open; open the run again"):
            late()


def test_an_index_that_is_replaced_in_the_very_moment_is_not_taken_either(run, monkeypatch):
    def slowly(manifest, path):
        rewritten(run.index, added=["1"])
        return open_index(manifest, path)

    monkeypatch.setattr("medxpert.indexes.gallery.open_index", slowly)
    with pytest.raises(DataError, match=r"was replaced while it was open"):
        found(run)


def test_what_evidence_takes_is_opened_ahead_once(run, monkeypatch):
    opened = []
    monkeypatch.setattr(
        "medxpert.indexes.gallery.open_index", lambda *given: opened.append(given) or open_index(*given)
    )
    gallery = Gallery(run, "e")
    for _ in range(3):
        gallery.open_ahead()
    gallery._ahead.join()
    assert len(opened) == 1
    assert gallery.evidence(QUERY, 2, NOBODY) == Gallery(run, "e").evidence(QUERY, 2, NOBODY)
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("change", "error", "late"),
    [({"added": ["1"]}, DataError, True), ({"index": "not.to.be.imported.Index"}, ModuleNotFoundError, False)],
)
def test_what_cannot_be_opened_ahead_is_told_to_who_asks(run, capfd, change, error, late):
    gallery = Gallery(run, "e") if late else None
    rewritten(run.index, **change)
    gallery = gallery or Gallery(run, "e")
    gallery.open_ahead()
    gallery._ahead.join()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(error):
        gallery.evidence(QUERY, 2, NOBODY)


def test_other_number_of_cases_is_refused(run):
    path = run.index / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"count": 5}))
    with pytest.raises(DataError, match=r"holds 5 rows for 4 cases"):
        Gallery(run, "e")
