from itertools import permutations

import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.metrics.labels import auroc, bootstrap_auroc, jaccard, label_retrieval
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


def naive_auroc(scores, positive):
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    return np.mean(pairs)


def test_auroc_counts_pairs():
    generator = np.random.default_rng(1)
    scores = generator.integers(0, 6, (60, 4)) / 5
    some = generator.choice([-2, -1, 0, 1], size=(60, 4)).astype(np.int8)
    known = [np.isin(column, (0, 1)) for column in some.T]
    expected = [naive_auroc(scores[rows, c], some[rows, c] == 1) for c, rows in zip(range(4), known, strict=True)]
    np.testing.assert_allclose(auroc(scores, some, 1), expected)


@pytest.mark.parametrize(
    ("column", "min_positives", "expected"),
    [
        ([1, 1, 0, 0], 2, 1),
        ([1, 1, 0, 0], 3, np.nan),
        ([1, 1, 1, 0], 2, np.nan),
        ([1, 1, -1, -2], 1, np.nan),
        ([0, 0, 0, 0], 0, np.nan),
    ],
)
def test_auroc_of_too_few_is_nan(column, min_positives, expected):
    scores = np.array([[0.9], [0.8], [0.2], [0.1]])
    found = auroc(scores, np.array(column, np.int8)[:, None], min_positives)
    np.testing.assert_array_equal(found, [expected])


def test_auroc_intervals_resample_patients():
    generator = np.random.default_rng(2)
    positive = np.repeat([0, 1], 30).astype(np.int8)
    scores = positive + generator.normal(0, 1.5, 60).round(1)
    patients = np.arange(60) // 3
    value, low, high = bootstrap_auroc(scores[:, None], positive[:, None], patients, draws=300)
    picked = np.random.default_rng(0).integers(20, size=(300, 20))
    rows = [np.concatenate([np.flatnonzero(patients == one) for one in draw]) for draw in picked]
    drawn = [naive_auroc(scores[some], positive[some] == 1) for some in rows]
    assert value[0] == pytest.approx(naive_auroc(scores, positive == 1))
    np.testing.assert_allclose([low[0], high[0]], np.quantile(drawn, [0.025, 0.975]))


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
        (lambda: auroc(ROWS, LABELS), r"found scores \(3, 3\) and labels \(3, 14\)"),
        (lambda: auroc(np.where(ROWS, np.nan, 0), LABELS[:, :3]), "label scores: row 0 of 3"),
        (lambda: bootstrap_auroc(ROWS, LABELS[:, :3], ["a"]), "one patient per query, found 1 for 3"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(DataError, match=message):
        call()
