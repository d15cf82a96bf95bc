"""The labeler on sentences that were labelled by hand before it was run on them.

A sentence's observations are those of CheXpert, without No Finding; each of the 13 is one decision per sentence.
"""

import json
from pathlib import Path

import pytest

from medxpert.labeler import label_report
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, POSITIVE, UNCERTAIN

SENTENCES = json.loads(Path(__file__).with_name("labeler_sentences.json").read_text("utf-8"))
NAMES = [name for name in OBSERVATIONS if name != NO_FINDING]


def decisions():
    """Pairs of what was labelled and what the labeler says."""
    found = ((sentence["labels"], label_report(sentence["text"])) for sentence in SENTENCES)
    return [(expected.get(name), labels[name]) for expected, labels in found for name in NAMES]


def f1(pairs, value):
    expected, found = ([one == value for one in side] for side in zip(*pairs, strict=True))
    right = sum(a and b for a, b in zip(expected, found, strict=True))
    return 2 * right / (sum(expected) + sum(found))


def test_sentences_are_well_formed():
    assert len({sentence["text"] for sentence in SENTENCES}) == 200
    assert {name for sentence in SENTENCES for name in sentence["labels"]} == set(NAMES)
    assert {value for sentence in SENTENCES for value in sentence["labels"].values()} == {1, 0, -1}


@pytest.mark.parametrize(("value", "least"), [(NEGATIVE, 0.90), (UNCERTAIN, 0.90), (POSITIVE, 0.90)])
def test_f1(value, least):
    assert f1(decisions(), value) >= least
