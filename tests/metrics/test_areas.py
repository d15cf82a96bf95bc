import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from medxpert.errors import DataError
from medxpert.metrics.areas import auprc, auroc, estimator, precision_recall, roc
from medxpert.metrics.statistics import resample


def naive_auroc(scores, positive):
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    return np.mean(pairs)


def naive_auprc(scores, positive):
    """Average over the positives of the precision among all studies that score at least as high."""
    return np.mean([positive[scores >= score].mean() for score in scores[positive]])


MEASURES = [
    (auroc, roc, naive_auroc, roc_auc_score),
    (auprc, precision_recall, naive_auprc, average_precision_score),
]
both = pytest.mark.parametrize(("area", "curve", "naive", "peer"), MEASURES, ids=["roc", "precision_recall"])


@both
@pytest.mark.parametrize("levels", [1, 6, 10**6])
def test_areas_match_the_definition_and_scikit_learn(area, curve, naive, peer, levels):
    generator = np.random.default_rng(1)
    scores = generator.integers(0, levels, (60, 4)) / levels
    some = generator.choice([-2, -1, 0, 1], size=(60, 4)).astype(np.int8)
    known = [np.isin(column, (0, 1)) for column in some.T]
    columns = [(scores[rows, c], some[rows, c] == 1) for c, rows in enumerate(known)]
    found = area(scores, some, 1)
    np.testing.assert_allclose(found, [naive(*column) for column in columns])
    np.testing.assert_allclose(found, [peer(positive, score) for score, positive in columns])


def test_constant_scores_are_worth_chance():
    some = np.array([[1, 1], [0, 1], [0, 1], [0, 0]], np.int8)
    constant = np.ones((4, 2), np.float16)
    assert auroc(constant, some, 1).tolist() == [0.5, 0.5]
    assert auprc(constant, some, 1).tolist() == [0.25, 0.75]


@pytest.mark.parametrize("area", [auroc, auprc])
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
def test_area_of_too_few_is_nan(area, column, min_positives, expected):
    scores = np.array([[0.9], [0.8], [0.2], [0.1]])
    found = area(scores, np.array(column, np.int8)[:, None], min_positives)
    np.testing.assert_array_equal(found, [expected])


@both
def test_intervals_resample_patients(area, curve, naive, peer):
    generator = np.random.default_rng(2)
    positive = np.repeat([0, 1], 30).astype(np.int8)
    scores = positive + generator.normal(0, 1.5, 60).round(1)
    patients = np.arange(60) // 3
    value, low, high = resample(estimator(curve, scores[:, None], positive[:, None], patients), 20, 300)
    picked = np.random.default_rng(0).integers(20, size=(300, 20))
    rows = [np.concatenate([np.flatnonzero(patients == one) for one in draw]) for draw in picked]
    drawn = [naive(scores[some], positive[some] == 1) for some in rows]
    assert value[0] == pytest.approx(naive(scores, positive == 1))
    np.testing.assert_allclose([low[0], high[0]], np.quantile(drawn, [0.025, 0.975]))


@pytest.mark.parametrize("area", [roc, precision_recall])
def test_a_draw_without_positives_is_undefined(area):
    estimate = estimator(area, np.eye(2)[:, :1], np.array([[1], [0]], np.int8), np.array([0, 1]), 1)
    np.testing.assert_array_equal(estimate(np.array([[1.0, 1.0], [0.0, 2.0]])), [[1], [np.nan]])


ROWS = np.eye(3, dtype=np.float32)
LABELS = np.ones((3, 14), np.int8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: auroc(ROWS, LABELS), r"found scores \(3, 3\) and labels \(3, 14\)"),
        (lambda: auprc(ROWS, LABELS), r"found scores \(3, 3\) and labels \(3, 14\)"),
        (lambda: auroc(np.where(ROWS, np.nan, 0), LABELS[:, :3]), "label scores: row 0 of 3"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(DataError, match=message):
        call()
