import numpy as np
import pytest

from medxpert.evaluation.tfidf import TfIdf


def test_weights_by_hand():
    terms = TfIdf(["left effusion", "left nodule", "right nodule"])
    row = terms(["Left nodule, left!"])[0]
    # kept: left (2 of 3 texts) and nodule (2 of 3), so both weigh the same and left counts twice
    assert sorted(row.tolist()) == pytest.approx([1 / np.sqrt(5), 2 / np.sqrt(5)])


def test_unknown_words_make_a_zero_row():
    assert not TfIdf(["a b", "heart size", "heart size"])(["spleen"]).any()


def test_vocabulary_is_bounded():
    texts = ["one two three four"] * 2
    assert TfIdf(texts, max_terms=3)(texts).shape == (2, 3)
