import numpy as np
import pytest

from medxpert.ontology import is_abnormal
from medxpert.phantom.oracle import image_vector, report_vector
from medxpert.phantom.patients import draw_patient, roster, split_of


@pytest.fixture(scope="module")
def studies():
    return [
        study
        for patient, count in roster(0, 10000)
        if split_of(patient) == "test"
        for study in draw_patient(0, patient)
    ]


def truth(study):
    return {"image": study.scene.to_json(), "report": study.report.to_json()}


def finding(**changes):
    known = {"kind": "effusion", "side": "left", "zone": "", "severity": 2, "uncertain": False, "faint": False}
    return {**known, **changes}


def hit_rate(scores, own, top_k):
    better = (scores > own[:, None]).sum(axis=1)
    tied = (scores == own[:, None]).sum(axis=1)
    return np.clip((top_k - better) / tied, 0, 1).mean()


def test_identity_recall_leaves_room_and_headroom(studies):
    truths = [truth(study) for study in studies]
    images = np.stack([image_vector(each) for each in truths])
    reports = np.stack([report_vector(each) for each in truths])
    queries = [row for row, study in enumerate(studies) if is_abnormal(study.report.labels)]
    scores = images[queries] @ reports.T
    own = scores[np.arange(len(queries)), queries]
    assert len(studies) > 1000
    assert 0.40 < hit_rate(scores, own, 1) < 0.80
    assert hit_rate(scores, own, 10) > 0.90


def test_vectors_are_unit_and_sum_exactly_in_any_order(studies):
    vectors = np.stack([report_vector(truth(study)) for study in studies[:200]])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    forward, backward = vectors @ vectors[0], vectors[:, ::-1] @ vectors[0, ::-1]
    np.testing.assert_array_equal(forward, backward)


@pytest.mark.parametrize(
    "wrong", [{"side": "right"}, {"severity": 1}, {"kind": "edema", "side": "bilateral"}, {"side": "bilateral"}]
)
def test_the_true_report_beats_a_wrong_one(wrong):
    image = image_vector({"image": {"findings": [finding()], "variants": []}})
    right = report_vector({"report": {"findings": [finding()], "variants": []}})
    other = report_vector({"report": {"findings": [finding(**wrong)], "variants": []}})
    assert image @ right > image @ other


def test_what_the_report_leaves_out_costs_less_than_what_it_gets_wrong():
    image = image_vector({"image": {"findings": [finding()], "variants": ["scoliosis_left"]}})
    shorter = report_vector({"report": {"findings": [finding(severity=0)], "variants": []}})
    wrong = report_vector({"report": {"findings": [finding(severity=3)], "variants": []}})
    assert image @ shorter > image @ wrong


def test_normal_reports_tie():
    first, second = (report_vector({"report": {"findings": [], "variants": []}}) for _ in range(2))
    assert first @ second == pytest.approx(1, abs=1e-3)
