import json
from dataclasses import replace

import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.evaluation.parts.comparison import aligned, compare_runs
from medxpert.evaluation.subject import Vectors
from medxpert.metrics.correction import holm
from medxpert.metrics.paired import p_values
from medxpert.metrics.ranking import hits
from medxpert.metrics.retrieval import compare, pair, rank_pairs, retrieval

NUM = 80
METRICS = ("recall@1", "recall@5", "recall@10")


def noisy(vectors, amount, seed=0):
    image = vectors.image + amount * np.random.default_rng(seed).standard_normal(vectors.image.shape)
    return Vectors(image.astype(np.float32), vectors.text)


@pytest.fixture
def subject(make_subject):
    text = [f"report {row // 2 if row % 3 else row}" for row in range(NUM)]
    sides = np.random.default_rng(0).standard_normal((2, NUM, 8)).astype(np.float32)
    first = [text.index(one) for one in text]
    own = sides[0][first]
    return make_subject(NUM, {"model": Vectors(own + 0.5 * sides[1], own)}, text=text)


@pytest.fixture
def worse(subject):
    return replace(subject, vectors={"model": noisy(subject.vectors["model"], 1.5)})


def test_figures_are_those_of_the_metric(subject, worse):
    part = compare_runs([("good", subject), ("bad", worse)], seed=2)
    texts, patients = subject.cases.texts, subject.cases.patient_ids
    expected = retrieval(*worse.vectors["model"], texts, patients, seed=2)
    ranks = [rank_pairs(pair(*one.vectors["model"], texts)) for one in (worse, subject)]
    gains = compare(*ranks, patients, seed=2)
    assert list(part.figures["differences"]) == ["bad - good"]
    for direction in ("image_to_text", "text_to_image"):
        for relevance in ("identity", "deduplicated"):
            for metric in METRICS:
                cell = part.figures["differences"]["bad - good"][direction][relevance][metric]
                gain = gains[direction][relevance][metric]
                assert {key: cell[key] for key in gain} == pytest.approx(gain)
                found = part.figures["recall"]["bad"][direction][relevance][metric]
                assert found == pytest.approx(expected[direction][relevance][metric])
                chance = part.figures["chance"][direction][relevance][metric]
                assert chance == pytest.approx(expected["chance"][direction][relevance][metric])


def shuffled(make_subject, subject, rows):
    columns = {name: [subject.cases.column(name)[row] for row in rows] for name in ("study_id", "patient_id", "text")}
    vectors = Vectors(*(side[rows] for side in subject.vectors["model"]))
    return make_subject(len(rows), {"adapted": vectors}, **columns)


def test_studies_are_aligned_by_their_ids(make_subject, subject, worse):
    order = np.random.default_rng(5).permutation(NUM)
    other = shuffled(make_subject, worse, order)
    assert aligned(("a", subject), ("b", other)).tolist() == np.argsort(order).tolist()
    expected = compare_runs([("a", subject), ("b", worse)]).figures
    # the embedding of a text is that of the first study that bears it, wherever that one stands
    assert compare_runs([("a", subject), ("b", other)]).figures == expected


def test_the_same_model_differs_nowhere(subject):
    part = compare_runs([("a", subject), ("b", subject), ("c", subject)])
    for cells in part.figures["differences"].values():
        cell = cells["image_to_text"]["identity"]["recall@5"]
        assert cell == {"value": 0, "low": 0, "high": 0, "p": 1, "p_holm": 1}
    assert "*" not in "".join(cell.value for block in part.blocks for row in block.rows for cell in row.cells)


def test_correction_is_over_all_comparisons(subject, worse):
    slightly = replace(subject, vectors={"model": noisy(subject.vectors["model"], 0.1, 1)})
    lost = replace(subject, vectors={"model": noisy(worse.vectors["model"], 5, 2)})
    part = compare_runs([("a", subject), ("b", lost), ("c", slightly)], seed=1)
    names = list(part.figures["differences"])
    assert names == ["b - a", "c - a", "c - b"]
    cells = [
        part.figures["differences"][name][direction][relevance][metric]
        for name in names
        for direction in ("image_to_text", "text_to_image")
        for relevance in ("identity", "deduplicated")
        for metric in METRICS
    ]
    assert [cell["p_holm"] for cell in cells] == pytest.approx(holm(np.array([cell["p"] for cell in cells])))
    assert min(cell["p"] for cell in cells) >= 1 / 7201
    block = part.blocks[-1]
    assert "all 36 comparisons" in block.note
    assert "sign-flip permutation test over patients, B = 7,200" in block.note
    assert len(block.rows) == 12
    marked = sum(cell.value.endswith("*") for row in block.rows for cell in row.cells)
    assert marked == sum(cell["p_holm"] < 0.05 for cell in cells) > 0


def test_p_is_that_of_the_paired_test(subject, worse):
    part = compare_runs([("a", subject), ("b", worse)], seed=3)
    ranks = [rank_pairs(pair(*one.vectors["model"], subject.cases.texts))[0].ranks for one in (worse, subject)]
    gains = np.subtract(*(hits(one, [5]) for one in ranks))
    expected = p_values(gains, subject.cases.patient_ids, draws=2400, seed=3)
    cell = part.figures["differences"]["b - a"]["image_to_text"]["identity"]["recall@5"]
    assert cell["p"] == pytest.approx(expected[0])


def test_tables(subject, worse):
    part = compare_runs(
        [("outputs/2026-01-01_00-00-00-x-big-mimic", subject), ("outputs/2026-02-02_x-tiny-mimic", worse)]
    )
    assert len(part.blocks) == 5
    assert [row.kind for row in part.blocks[0].rows] == ["reference", "main", "main", "gain"]
    assert part.blocks[0].title == "image → text · identity"
    for name in part.figures["runs"]:
        assert name in part.blocks[0].note
    assert part.place == ("comparison", "test")
    json.dumps(part.figures, allow_nan=False)


def test_other_texts_of_the_same_studies(make_subject, subject):
    texts = ["REPORT 0", *subject.cases.texts[1:-1], "another section"]
    other = make_subject(NUM, subject.vectors, text=texts)
    part = compare_runs([("a", subject), ("b", other)])
    assert part.figures["changed_texts"] == 1
    assert list(part.figures["recall"]["a"]["image_to_text"]) == ["identity"]
    assert "Texts differ in 1 of 80 studies" in part.blocks[-1].note


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["s0", "s1"], r"a holds 3 studies of test, b holds 2 of test, not the same ones \(only a has s2\)"),
        (["s0", "s1", "s2", "x"], r"b holds 4 of test, not the same ones \(only b has x\); evaluate both on one split"),
        (["s0", "x", "s2"], r"only a has s1"),
        (["s0", "row 1", "row 2"], "b has no study ids for 2 of 3 rows; add a column study_id"),
        (["s0", "s1", "s1"], "b holds study s1 twice; a paired comparison needs each study once"),
    ],
)
def test_other_studies(make_subject, ids, message):
    with pytest.raises(DataError, match=message) as caught:
        compare_runs([("a", make_subject(3)), ("b", make_subject(len(ids), study_id=ids))])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"]])
def test_two_or_more_different_runs(make_subject, names):
    with pytest.raises(ConfigError, match="compare= takes two or more different runs"):
        compare_runs([(name, make_subject(3)) for name in names])


def test_one_study_twice_in_the_first(make_subject):
    with pytest.raises(DataError, match="a holds study s0 twice"):
        compare_runs([("a", make_subject(2, study_id=["s0", "s0"])), ("b", make_subject(2))])
