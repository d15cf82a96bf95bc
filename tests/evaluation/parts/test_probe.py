import io
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from medxpert.evaluation.parts import probe
from medxpert.evaluation.parts.probe import deal, fit_probe, linear_probe, out_of_fold
from medxpert.evaluation.subject import Placed, Vectors
from medxpert.metrics.areas import auroc
from medxpert.ontology import OBSERVATIONS


def studies(num, seed=0, width=6):
    """Rows whose first column tells Edema, on a scale that a probe must standardise away, and labels."""
    rows = np.random.default_rng(seed).standard_normal((num, width)).astype(np.float32)
    labels = np.zeros((num, len(OBSERVATIONS)), np.int8)
    labels[:, OBSERVATIONS.index("Edema")] = rows[:, 0] > 0
    return rows * [0.001, *[100] * (width - 1)], labels


EDEMA = OBSERVATIONS.index("Edema")


def test_probe_finds_a_direction_whatever_the_scales():
    rows, labels = studies(200)
    scored = fit_probe(rows, labels, np.arange(200))
    fresh, truth = studies(200, seed=1)
    assert auroc(scored(fresh), truth)[EDEMA] > 0.98
    others = np.delete(scored(fresh), EDEMA, axis=1)
    assert not others.any(), "an observation of one kind only has no probe"


def test_uncertain_and_unknown_labels_are_left_out():
    rows, labels = studies(200)
    wrong = np.arange(200) % 2 == 0
    spoilt = np.where(wrong[:, None], -1, labels).astype(np.int8)
    np.testing.assert_array_equal(
        fit_probe(rows, spoilt, np.arange(200)).weights.any(axis=0), np.arange(len(OBSERVATIONS)) == EDEMA
    )
    half = fit_probe(rows, spoilt, np.arange(200))(rows)
    assert auroc(half[wrong], labels[wrong])[EDEMA] > 0.95


def test_the_penalty_is_chosen_on_other_patients(monkeypatch):
    rows, labels = studies(400)
    tried = []

    def fit(seen, known, strength):
        tried.append(strength)
        weights = np.zeros((seen.shape[1], len(OBSERVATIONS)))
        weights[0 if strength == probe.STRENGTHS[2] else 1, EDEMA] = 1
        return probe.Probe(np.zeros(1), np.ones(1), weights)

    monkeypatch.setattr(probe, "_fit", fit)
    fit_probe(rows, labels, np.arange(400))
    assert tried == [*probe.STRENGTHS, probe.STRENGTHS[2]]


def test_scores_of_different_folds_can_be_ranked_together():
    rows, labels = studies(120, width=2)
    assert auroc(out_of_fold(rows, labels, np.arange(120)), labels)[EDEMA] > 0.95
    scores = fit_probe(rows, labels, np.arange(120))(rows)[:, EDEMA]
    assert (scores.mean(), scores.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))


def test_patients_stay_in_one_fold_and_folds_are_even():
    patients = [f"p{row // 3}" for row in range(90)]
    folds = deal(patients, 5, 0)
    assert all(len(set(folds[start : start + 3])) == 1 for start in range(0, 90, 3))
    assert np.bincount(folds).tolist() == [18] * 5
    assert (deal(patients, 5, 1) != folds).any()


def test_out_of_fold_scores_never_saw_the_patient():
    rows = np.random.default_rng(0).standard_normal((200, 100))
    labels = np.zeros((200, 14), np.int8)
    # Each patient has two studies with equal rows and one random label: memory would tell it.
    rows[1::2] = rows[::2]
    labels[::2, 0] = labels[1::2, 0] = np.random.default_rng(1).integers(0, 2, 100)
    scores = out_of_fold(rows, labels, [f"p{row // 2}" for row in range(200)])
    assert 0.3 < auroc(scores, labels)[0] < 0.7
    assert auroc(fit_probe(rows, labels, np.arange(200))(rows), labels)[0] > 0.9


def test_embeddings_without_a_column_tell_nothing():
    assert not fit_probe(np.zeros((200, 0)), studies(200)[1], np.arange(200))(np.zeros((3, 0))).any()


def test_one_patient_alone_cannot_be_scored():
    rows, labels = studies(40)
    assert not out_of_fold(rows, labels, ["p"] * 40).any()


def thumbnail(lit, seed):
    """Draw noise, the left half brighter where lit."""
    pixels = np.random.default_rng(seed).integers(0, 60, (32, 32), dtype=np.uint8)
    pixels[:, :16] += np.uint8(100 * lit)
    encoded = io.BytesIO()
    PIL.Image.fromarray(pixels).save(encoded, "JPEG")
    return encoded.getvalue()


@pytest.fixture
def subject(make_subject):
    def made(num, seed):
        rows, labels = studies(num, seed)
        blind = np.random.default_rng(seed + 10).standard_normal(rows.shape)
        vectors = {"untrained": Vectors(blind, blind), "adapted": Vectors(rows, rows), "pixel": Vectors(blind, blind)}
        known = [{"Edema": int(one)} for one in labels[:, EDEMA]]
        pictures = [thumbnail(bool(one), seed * 1000 + row) for row, one in enumerate(labels[:, EDEMA])]
        return make_subject(num, vectors, known, thumbnail=pictures)

    asked, held = made(120, 1), made(200, 2)
    return replace(asked, train=Placed(held.cases, held.vectors))


def test_part(subject):
    part = linear_probe(subject)
    assert part.place == ("probe", "test")
    assert part.figures["adapted"]["auroc"]["Edema"]["value"] > 0.98
    assert part.figures["untrained"]["auroc"]["Edema"]["value"] < 0.7
    assert part.figures["difference"]["auroc"]["Edema"]["low"] > 0.2
    assert part.blocks[0].columns == ("pos/neg", "chance", "pixel", "untrained", "adapted", "gain")
    assert all("pixel: PCA-64 of thumbnails" in block.note for block in part.blocks)
    assert [block.title for block in part.blocks] == ["linear probe AUROC", "linear probe AUPRC"]


def test_pixels_are_thumbnails_and_not_what_they_say_of_texts(subject):
    assert linear_probe(subject).figures["pixel"]["auroc"]["Edema"]["value"] > 0.98


def test_nothing_to_measure(subject, make_subject):
    assert linear_probe(replace(subject, train=None)) is None
    assert linear_probe(replace(subject, train=Placed(subject.train.cases, {}))) is None
    unlabelled = make_subject(30, {"adapted": Vectors(np.eye(30), np.eye(30))})
    assert linear_probe(replace(subject, train=Placed(unlabelled.cases, unlabelled.vectors))) is None
