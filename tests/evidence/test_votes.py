import numpy as np
import pytest

from medxpert.evidence.votes import caption_odds, explicit, vote, vote_of
from medxpert.ontology import MISSING, NO_FINDING, OBSERVATIONS
from medxpert.words import Hit

EDEMA, EFFUSION = OBSERVATIONS.index("Edema"), OBSERVATIONS.index("Pleural Effusion")


TRUST = {1: 2.5, 0: -0.4}


def share(odds):
    return 1 / (1 + np.exp(-odds))


def hit(rank, score, **labels):
    return Hit(rank, score, f"s{rank}", f"p{rank}", "", {name.replace("_", " "): v for name, v in labels.items()}, rank)


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([1, 0], [0.8, 0.8], 0.5),
        ([1, 0], [0.8, 0.75], np.e / (1 + np.e)),
        ([1, MISSING], [0.8, 0.8], 0.999),
        ([0, 0], [0.8, 0.1], 0.001),
        ([1, 0], [0.8, -np.inf], 0.999),
    ],
)
def test_vote_weighs_by_similarity_to_the_nearest(labels, scores, expected):
    table = np.full((1, 2, 14), MISSING, np.int8)
    table[0, :, EDEMA] = labels
    found = vote(table, np.array([scores]))
    assert share(found[0, EDEMA]) == pytest.approx(expected)
    assert np.isnan(found[0, EFFUSION])


def test_vote_equals_a_loop():
    generator = np.random.default_rng(0)
    labels = generator.choice([1, 0, MISSING], (5, 7, 14)).astype(np.int8)
    scores = -np.sort(-generator.random((5, 7)), axis=1)
    found = vote(labels, scores)
    for query in range(5):
        for place in range(14):
            weights = [float(np.exp((s - scores[query, 0]) / 0.05)) for s in scores[query]]
            kinds = labels[query, :, place]
            cast = sum(w for w, kind in zip(weights, kinds, strict=True) if kind != MISSING)
            positive = sum(w for w, kind in zip(weights, kinds, strict=True) if kind == 1)
            expected = min(max(positive / cast, 1e-3), 1 - 1e-3)
            assert share(found[query, place]) == pytest.approx(expected)


def test_a_labelled_case_denies_what_it_does_not_mention_and_abstains_where_it_is_unsure():
    table = np.full((3, 14), MISSING, np.int8)
    table[0, EDEMA], table[1, EDEMA] = 1, -1
    read = explicit(table)
    assert read[0].tolist() == [1 if place == EDEMA else 0 for place in range(14)]
    assert read[1, EDEMA] == MISSING
    assert read[1, EFFUSION] == 0
    assert (read[2] == MISSING).all()


def test_vote_of_hits_and_of_none():
    found = vote_of([hit(1, 0.9, Edema=1), hit(2, 0.9, Pleural_Effusion=1), hit(3, 0.9)])
    assert share(found[0, EDEMA]) == pytest.approx(0.5)
    assert np.isnan(vote_of([])).all()


def test_caption_odds_are_weak():
    odds = caption_odds("Possible edema. Left pleural effusion. No pneumothorax.", TRUST)[0]
    assert [odds[EDEMA], odds[EFFUSION], odds[OBSERVATIONS.index("Pneumothorax")]] == [0, 1, -0.4]
    assert np.isnan(odds[OBSERVATIONS.index("Fracture")])
    assert np.isnan(caption_odds("a cat on a sofa", TRUST)).all()
    assert caption_odds("No acute cardiopulmonary abnormality.", TRUST)[0][OBSERVATIONS.index(NO_FINDING)] == 1


def test_a_caption_whose_trust_nobody_measured_says_nothing():
    assert np.isnan(caption_odds("Possible edema. Left pleural effusion. No pneumothorax.", {})).all()
