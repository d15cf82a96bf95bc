import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from medxpert.cases import Cases
from medxpert.evaluation.parts import similar
from medxpert.evaluation.parts.similar import similar_cases
from medxpert.evaluation.source import open_split, with_baselines
from medxpert.evaluation.subject import Placed, Vectors
from medxpert.evaluation.tfidf import TfIdf
from medxpert.metrics.labels import jaccard

SETS = ({"No Finding": 1}, {"No Finding": 1}, {"Edema": 1}, {"Edema": 1, "Pleural Effusion": 1}, {"Fracture": 1})
WORDS = ("clear lungs", "no disease", "pulmonary edema", "edema and effusion", "broken rib")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def placed(num, names, seed):
    rows = np.random.default_rng(seed).standard_normal((num, len(names), 2, 5)).astype(np.float32)
    return {name: Vectors(unit(rows[:, place, 0]), unit(rows[:, place, 1])) for place, name in enumerate(names)}


@pytest.fixture
def make(make_subject):
    """Make studies with labels and the words for them; p0, p1, ... are patients of every split."""

    def make(num, names, seed):
        chosen = np.random.default_rng(seed).integers(0, 5, num)
        labels, texts = [SETS[one] for one in chosen], [WORDS[one] for one in chosen]
        return make_subject(num, placed(num, names, seed), labels, text=texts)

    return make


@pytest.fixture
def subject(make):
    asked, held = make(24, ("untrained", "adapted", "pixel"), 1), make(40, ("untrained", "adapted"), 2)
    return replace(asked, train=Placed(held.cases, held.vectors))


def naive(queries, gallery, scores, k=5):
    """Precision@k per query without its own patient, NaN where nothing is relevant; scores have no ties."""
    index = jaccard(queries.labels, gallery.labels) >= 0.5
    found = []
    for row, patient in enumerate(queries.patient_ids):
        others = np.array(gallery.patient_ids) != patient
        best = np.argsort(-scores[row, others])[:k]
        found.append(index[row, others][best].mean() if index[row, others].any() else np.nan)
    return np.array(found)


def both(vectors):
    return unit(vectors.image + vectors.text)


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("side", ["image", "text"])
def test_precision_of_each_match_by_hand(subject, side, trained):
    if not trained:
        subject = replace(subject, train=None)
    gallery = subject.train or subject
    part = similar_cases(subject)
    asked, found = (getattr(one.vectors["adapted"], side) for one in (subject, gallery))
    held = gallery.vectors["adapted"]
    for match, rows in {"image": held.image, "text": held.text, "both": both(held)}.items():
        expected = naive(subject.cases, gallery.cases, asked @ rows.T)
        cell = part.figures[side]["adapted"][match]["label_precision@5"]
        assert cell["value"] == pytest.approx(np.nanmean(expected))
        assert cell["low"] < cell["value"] < cell["high"]
    assert len(found) == part.figures["searched"]["train" if trained else "test"]


def known_by_row(cases, rows=None):
    """Return studies whose patients (those in some rows) nobody knows."""
    ids = [f"row {row}" if rows is None or row in rows else one for row, one in enumerate(cases.patient_ids)]
    columns = {name: cases.column(name) for name in ("study_id", "text", "labels")}
    return Cases.of(columns | {"patient_id": ids}, cases.path)


@pytest.mark.parametrize(
    ("trained", "rows", "note"),
    [
        (True, (), "own patient left out"),
        (True, (0, 1), "own patient left out where known"),
        (True, None, "own patient unknown"),
        (False, (0, 1), "own patient left out where known, else the own study"),
        (False, None, "own study left out"),
    ],
)
def test_numbers_of_rows_are_nobody_elsewhere(subject, trained, rows, note):
    held = known_by_row(subject.train.cases, rows)
    train = Placed(held, subject.train.vectors) if trained else None
    # each query lies where the case of the same row lies: leaving that one out shows
    vectors = {name: Vectors(*(side[:24] for side in sides)) for name, sides in subject.train.vectors.items()}
    subject = replace(subject, cases=known_by_row(subject.cases, rows), vectors=vectors, train=train)
    gallery = subject.train or subject
    part = similar_cases(subject)
    scores = subject.vectors["adapted"].image @ gallery.vectors["adapted"].image.T
    asking = known_by_row(subject.cases, range(24))
    asking.patient_ids = ["" if trained and one.startswith("row") else one for one in subject.cases.patient_ids]
    expected = np.nanmean(naive(asking, gallery.cases, scores))
    assert part.figures["image"]["adapted"]["image"]["label_precision@5"]["value"] == pytest.approx(expected)
    assert part.blocks[0].note.endswith(f"studies, {note}")


@pytest.mark.parametrize("text", ["{}号", "x", "7"])
def test_texts_without_a_repeated_term_have_no_text_neighbour(make_subject, text):
    labels = [SETS[row % 5] for row in range(24)]
    subject = make_subject(
        24, placed(24, ("model",), 1), labels, text=[text.format(chr(0x4E00 + n)) for n in range(24)]
    )
    part = similar_cases(subject)
    assert "tfidf" not in part.figures["image"]
    assert [row.name for row in part.blocks[0].rows][:3] == ["chance", "constant answer", "most frequent"]


def test_gain_is_paired(subject):
    found = similar_cases(subject).figures["image"]
    before, after = found["untrained"]["both"]["ndcg@10"], found["adapted"]["both"]["ndcg@10"]
    assert found["gain"]["both"]["ndcg@10"]["value"] == pytest.approx(after["value"] - before["value"])


def test_answers_that_do_not_look_at_the_query(subject):
    figures = similar_cases(subject).figures["text"]
    held, cases = subject.train.cases, subject.cases
    commonest = Counter(map(tuple, (held.labels == 1).tolist())).most_common(1)[0][0]
    scores = np.tile((held.labels == 1).tolist() == np.array(commonest), (len(cases), 1, 1)).all(axis=2).astype(float)
    assert figures["constant"]["label_precision@5"]["value"] == pytest.approx(np.nanmean(naive(cases, held, scores)))
    count = Counter(held.texts)
    scores = np.tile([count[text] for text in held.texts], (len(cases), 1))
    assert figures["frequent"]["label_precision@5"]["value"] == pytest.approx(np.nanmean(naive(cases, held, scores)))
    constant = naive(cases, held, np.zeros((len(cases), len(held))), k=len(held))
    assert figures["chance"]["label_precision@5"] == pytest.approx(np.nanmean(constant))


def test_text_neighbour_knows_the_report(subject):
    found = similar_cases(subject).figures["image"]["tfidf"]["label_precision@5"]["value"]
    terms = TfIdf(subject.train.cases.texts)
    scores = terms(subject.cases.texts) @ terms(subject.train.cases.texts).T
    assert found == pytest.approx(np.nanmean(naive(subject.cases, subject.train.cases, scores)))
    assert found > 0.95


def test_tables_show_every_contender(subject):
    part = similar_cases(subject)
    json.dumps(part.figures, allow_nan=False)
    assert part.place == ("similar", "test")
    assert [block.title for block in part.blocks] == ["similar cases · image query", "similar cases · text query"]
    assert "24 images ask for similar ones of 40 train studies" in part.blocks[0].note
    stages = [f"{name} · {match}" for name in ("untrained", "adapted") for match in ("image", "text", "both")]
    gains = [f"gain on start · {match}" for match in ("image", "text", "both")]
    baselines = ["chance", "constant answer", "most frequent", "TF-IDF of its report"]
    assert [row.name for row in part.blocks[0].rows] == [*baselines, *stages, *gains]
    assert [row.name for row in part.blocks[0].rows if row.kind == "main"] == ["adapted · both"]


def test_an_oracle_and_pixels_where_there_are_any(make_run):
    part = similar_cases(with_baselines(open_split(make_run(), "test", "untrained")))
    names = [[row.name for row in block.rows] for block in part.blocks]
    assert all("pixel baseline · text" in column for column in names)
    assert "oracle ceiling · image" in names[0]
    assert "oracle ceiling · text" in names[1]
    found = part.figures["image"]
    assert found["oracle"]["image"]["ndcg@10"]["value"] > 0.2 + found["chance"]["ndcg@10"]


def test_large_splits_are_asked_by_whole_patients(subject, monkeypatch):
    monkeypatch.setattr(similar, "MAX_QUERIES", 9)
    assert similar_cases(subject).figures["queries"] == 10


def test_nothing_to_measure(make_subject, subject):
    assert similar_cases(make_subject(24)) is None
    assert similar_cases(replace(subject, train=Placed(make_subject(24).cases, {}))) is None
    assert similar_cases(make_subject(6, labels=[{"Edema": 1}] * 6)) is None
