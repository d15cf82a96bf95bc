from itertools import permutations

import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.metrics.labels import Owners, jaccard, label_retrieval
from medxpert.metrics.statistics import bootstrap
from medxpert.ontology import MISSING, OBSERVATIONS


def labels(*studies):
    """Rows from sets of observations; a leading "?" makes one uncertain, "-" negative."""
    rows = np.full((len(studies), len(OBSERVATIONS)), MISSING, np.int8)
    for row, study in zip(rows, studies, strict=True):
        for name in study:
            value = {"?": -1, "-": 0}.get(name[0], 1)
            row[OBSERVATIONS.index(name.lstrip("?-"))] = value
    return rows


NORMAL, DEVICE = {"No Finding"}, {"No Finding", "Support Devices"}
EDEMA, WET = {"Edema"}, {"Edema", "Pleural Effusion"}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (EDEMA, EDEMA, 1),
        (EDEMA, WET, 0.5),
        (EDEMA, {"Fracture"}, 0),
        (WET, {"Edema", "Fracture"}, 1 / 3),
        (NORMAL, NORMAL, 1),
        (NORMAL, DEVICE, 1),
        (NORMAL, EDEMA, 0),
        (set(), set(), 0),
        ({"Edema", "?Fracture", "-Pneumonia"}, {"Edema", "Pneumonia"}, 0.5),
        ({"?Edema"}, {"?Edema"}, 0),
    ],
)
def test_jaccard_of_positive_sets(left, right, expected):
    assert jaccard(labels(left), labels(right))[0, 0] == pytest.approx(expected)
    assert jaccard(labels(right), labels(left))[0, 0] == pytest.approx(expected)


def naive(scores, index, k):
    """Mean over every order that respects the scores: recall@k, precision@k, ndcg@10."""
    orders = {tuple(sorted(order, key=lambda item: -scores[item])) for order in permutations(range(len(scores)))}
    relevant = index >= 0.5
    discounts = 1 / np.log2(np.arange(len(scores)) + 2)
    ideal = np.sort(index)[::-1] @ discounts
    found = np.mean([relevant[list(order[:k])].sum() for order in orders])
    gain = np.mean([index[list(order)] @ discounts for order in orders])
    undefined = relevant.sum() == 0
    return [
        np.nan if undefined else found / relevant.sum(),
        np.nan if undefined else found / k,
        np.nan if ideal == 0 else gain / ideal,
    ]


@pytest.mark.parametrize("chunk", [2, 100])
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_retrieval_matches_every_order_of_the_ties(k, chunk):
    generator = np.random.default_rng(k)
    queries = generator.integers(-1, 2, (7, 2)).astype(np.float32)
    gallery = generator.integers(-1, 2, (6, 2)).astype(np.float32)
    asked = labels(EDEMA, WET, NORMAL, {"Fracture"}, set(), DEVICE, {"Edema", "Fracture"})
    answers = labels(WET, EDEMA, DEVICE, EDEMA, NORMAL, set())
    found = label_retrieval(queries, gallery, asked, answers, (k, 7), chunk).values
    index = jaccard(asked, answers).astype(np.float64)
    expected = [naive(row, one, k) for row, one in zip(queries @ gallery.T, index, strict=True)]
    names = [f"label_recall@{k}", f"label_precision@{k}", "ndcg@10"]
    assert sorted(found) == sorted(names)
    np.testing.assert_allclose(np.stack([found[name] for name in names], axis=1), expected, rtol=1e-6)


OWNERS = Owners([0, 1, 2, 9, 3, 0, 2], [0, 2, 0, 1, 2, 2])


@pytest.mark.parametrize("chunk", [2, 100])
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_nobody_finds_what_is_his_own(k, chunk):
    generator = np.random.default_rng(k)
    queries = generator.integers(-1, 2, (7, 2)).astype(np.float32)
    gallery = generator.integers(-1, 2, (6, 2)).astype(np.float32)
    asked = labels(EDEMA, WET, NORMAL, {"Fracture"}, set(), DEVICE, {"Edema", "Fracture"})
    answers = labels(WET, EDEMA, DEVICE, EDEMA, NORMAL, NORMAL)
    found = label_retrieval(queries, gallery, asked, answers, (k,), chunk, OWNERS)
    index = jaccard(asked, answers).astype(np.float64)
    for query, owner in enumerate(OWNERS.queries):
        others = np.array(OWNERS.gallery) != owner
        expected = naive((queries @ gallery.T)[query, others], index[query, others], k)
        names = [f"label_recall@{k}", f"label_precision@{k}", "ndcg@10"]
        np.testing.assert_allclose([found.values[name][query] for name in names], expected, rtol=1e-6)
        constant = naive(np.zeros(others.sum()), index[query, others], k)
        np.testing.assert_allclose([found.chance[name][query] for name in names], constant, rtol=1e-6)


def test_what_is_ones_own_is_no_part_of_the_ideal():
    own = [EDEMA, *({"Edema", name} for name in OBSERVATIONS if name != "Edema")]
    answers = labels(*own, {"Edema", "Cardiomegaly", "Fracture"})
    rows = np.eye(len(answers), dtype=np.float32)
    found = label_retrieval(rows[:1], rows, labels(EDEMA), answers, (1,), owners=Owners([0], [0] * len(own) + [1]))
    assert found.values["ndcg@10"].tolist() == [pytest.approx(1)]


def test_a_gallery_that_is_all_ones_own_answers_nothing():
    rows = np.eye(2, dtype=np.float32)
    values, chance = label_retrieval(
        rows, rows, labels(EDEMA, WET), labels(WET, EDEMA), (1,), owners=Owners([0] * 2, [0] * 2)
    )
    assert all(np.isnan(column).all() for column in (*values.values(), *chance.values()))


def test_depth_of_ndcg_is_ten():
    scores = np.arange(12, 0, -1, dtype=np.float32)[None]
    answers = labels(*[{"Fracture"}] * 10, EDEMA, WET)
    found = label_retrieval(scores, np.eye(12, dtype=np.float32), labels(EDEMA), answers, (10, 12)).values
    assert found["ndcg@10"].tolist() == [0]
    assert found["label_recall@10"].tolist() == [0]
    assert found["label_recall@12"].tolist() == [1]
    best_first = label_retrieval(-scores, np.eye(12, dtype=np.float32), labels(EDEMA), answers, (1,)).values
    ideal = 1 + 0.5 / np.log2(3)
    np.testing.assert_allclose(best_first["ndcg@10"], (0.5 + 1 / np.log2(3)) / ideal)


def test_constant_embedding_scores_exactly_chance():
    generator = np.random.default_rng(0)
    some = generator.choice([-2, -1, 0, 1], p=[0.6, 0.1, 0.1, 0.2], size=(40, 14)).astype(np.int8)
    constant = np.ones((40, 3), np.float32)
    values, chance = label_retrieval(constant, constant, some, some, chunk=7)
    assert sorted(values) == sorted(chance)
    for name in values:
        np.testing.assert_allclose(values[name], chance[name], rtol=1e-6)
    np.testing.assert_allclose(chance["label_recall@10"][~np.isnan(chance["label_recall@10"])], 0.25)


def test_values_with_nan_can_be_bootstrapped():
    rows = np.eye(3, dtype=np.float32)
    values = label_retrieval(rows, rows, labels(EDEMA, set(), WET), labels(WET, EDEMA, NORMAL), (1,)).values
    interval = bootstrap(values["label_precision@1"], ["a", "b", "c"])
    assert interval.value[0] == 0.5


ROWS = np.eye(3, dtype=np.float32)
LABELS = labels(EDEMA, WET, NORMAL)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: label_retrieval(ROWS, ROWS, LABELS[:2], LABELS), "query embeddings: expected 2 rows"),
        (lambda: label_retrieval(ROWS, ROWS, LABELS, LABELS[:2]), "gallery embeddings: expected 2 rows"),
        (lambda: label_retrieval(ROWS, ROWS[:, :2], LABELS, LABELS), "found 3 and 2"),
        (lambda: label_retrieval(ROWS, ROWS, LABELS, LABELS, owners=Owners([0] * 3, [0])), "found 3 and 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(DataError, match=message):
        call()
