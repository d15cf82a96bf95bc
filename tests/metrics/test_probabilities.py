"""Calibration error, Brier skill, and risk over coverage."""

import numpy as np
import pytest

from medxpert.metrics.probabilities import believed, brier_skill, class_wise_ece, risk_coverage, risks

NAN = float("nan")


def _table(num_studies, seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.random((num_studies, 3))
    probabilities[rng.random(probabilities.shape) < 0.1] = NAN
    return probabilities, rng.choice([1, 0, 0, -1, -2], probabilities.shape).astype(np.int8)


def _pairs(probabilities, labels):
    return sorted((p, y) for p, y in zip(probabilities, labels, strict=True) if p == p and y in (0, 1))


def _naive_ece(pairs, bins):
    """Fill bins one after the other, the first ones with one more where they do not come out even."""
    size, more = divmod(len(pairs), bins)
    total, start = 0.0, 0
    for number in range(bins):
        part = pairs[start : start + size + (number < more)]
        start += len(part)
        if part:
            total += abs(sum(p for p, _ in part) - sum(y for _, y in part))
    return total / len(pairs)


@pytest.mark.parametrize("num_studies", [4, 15, 47, 200])
def test_agrees_with_a_loop(num_studies):
    probabilities, labels = _table(num_studies, num_studies)
    for column in range(3):
        pairs = _pairs(probabilities[:, column], labels[:, column])
        prevalence = sum(y for _, y in pairs) / len(pairs)
        reference = sum((prevalence - y) ** 2 for _, y in pairs)
        skill = 1 - sum((p - y) ** 2 for p, y in pairs) / reference if reference else NAN
        assert class_wise_ece(probabilities, labels)[column] == pytest.approx(_naive_ece(pairs, 15))
        assert brier_skill(probabilities, labels)[column] == pytest.approx(skill, nan_ok=True)


def test_a_calibrated_answer_has_little_error_and_a_sure_one_much():
    rng = np.random.default_rng(0)
    probabilities = rng.random((20_000, 1))
    labels = (rng.random((20_000, 1)) < probabilities).astype(np.int8)
    assert class_wise_ece(probabilities, labels)[0] < 0.02
    assert class_wise_ece(np.sqrt(probabilities), labels)[0] > 0.1


def test_skill_is_one_for_the_truth_and_none_for_the_prevalence():
    labels = np.array([[1, 1], [0, 0], [0, 0], [1, 0]], np.int8)
    assert brier_skill(labels.astype(float), labels).tolist() == [1, 1]
    assert brier_skill(np.tile(labels.mean(axis=0), (4, 1)), labels) == pytest.approx([0, 0])
    assert (brier_skill(1.0 - labels, labels) < 0).all()


def test_one_kind_has_no_skill_and_nothing_said_has_neither():
    labels = np.array([[1, 0], [1, 1]], np.int8)
    probabilities = np.array([[0.9, NAN], [0.7, NAN]])
    assert class_wise_ece(probabilities, labels)[0] == pytest.approx(0.2)
    assert np.isnan(brier_skill(probabilities, labels)).all()
    assert np.isnan(class_wise_ece(probabilities, labels)[1])


def test_risk_by_hand_with_ties_answered_together():
    confidence = np.array([0.9, 0.5, 0.9, 0.1])
    coverage, risk = risk_coverage(confidence, np.array([0.0, 2, 1, 0]), np.array([2.0, 2, 2, 2]))
    assert coverage.tolist() == [0.5, 0.5, 0.75, 1.0]
    assert risk == pytest.approx([1 / 4, 1 / 4, 3 / 6, 3 / 8])


def test_the_order_of_ties_does_not_matter():
    rng = np.random.default_rng(1)
    confidence, wrong = rng.integers(0, 4, 30).astype(float), rng.integers(0, 3, 30).astype(float)
    order = rng.permutation(30)
    one = risk_coverage(confidence, wrong, wrong + 1)
    other = risk_coverage(confidence[order], wrong[order], wrong[order] + 1)
    assert np.array_equal(one[0], other[0])
    assert one[1] == pytest.approx(other[1])


def test_studies_without_statements_carry_no_risk():
    coverage, risk = risk_coverage(np.array([3.0, 2, 1]), np.array([0.0, 0, 1]), np.array([0.0, 0, 1]))
    assert risk.tolist() == [0, 0, 1]
    assert coverage[-1] == 1


def test_a_constant_answer_of_the_prevalence_is_calibrated_in_any_order():
    labels = np.random.default_rng(2).permutation([1] * 30 + [0] * 70)[:, None].astype(np.int8)
    assert class_wise_ece(np.full((100, 1), 0.3), labels)[0] == pytest.approx(0)


def test_weights_repeat_patients_within_the_same_bins():
    probabilities, labels = _table(50, 8)
    patients = np.arange(50) % 20
    weights = np.random.default_rng(0).integers(0, 3, (2, 20)).astype(float)
    found = believed(probabilities, labels, patients)(weights)
    for row, counts in enumerate(weights):
        drawn = np.repeat(np.arange(50), counts[patients].astype(int))
        assert found.skill[row] == pytest.approx(brier_skill(probabilities[drawn], labels[drawn]))
    assert found.ece.shape == (2, 3)


def test_skill_pooled_sums_scores_before_it_divides():
    probabilities, labels = np.array([[0.2, 0.9], [0.6, 0.4], [0.5, 0.5]]), np.array([[0, 1], [1, 0], [1, 1]], np.int8)
    squares = ((probabilities - labels) ** 2).sum()
    reference = ((labels - labels.mean(axis=0)) ** 2).sum()
    found = believed(probabilities, labels, np.arange(3))(np.ones((1, 3)))
    assert found.pooled[0] == pytest.approx(1 - squares / reference)


@pytest.mark.parametrize("num_studies", [1, 7, 40])
def test_risks_are_those_of_the_repeated_studies(num_studies):
    rng = np.random.default_rng(num_studies)
    confidence = rng.integers(0, 6, num_studies).astype(float)
    wrong, stated = rng.integers(0, 3, num_studies).astype(float), np.full(num_studies, 2.0)
    patients = np.arange(num_studies) // 2
    counts = rng.integers(0, 3, (3, patients.max() + 1)).astype(float) + np.eye(1, patients.max() + 1)
    found = risks(confidence, wrong, stated, patients, (0.5, 1.0))(counts)
    for row, weights in enumerate(counts):
        drawn = np.repeat(np.arange(num_studies), weights[patients].astype(int))
        coverage, risk = risk_coverage(confidence[drawn], wrong[drawn], stated[drawn])
        ascending = np.sort(coverage)
        half = risk[coverage == ascending[np.searchsorted(ascending, 0.5)]][0]
        assert found[row] == pytest.approx([risk.mean(), half, wrong[drawn].sum() / stated[drawn].sum()])
