"""The labeler on the second grammar, whose words it was not written for."""

from collections import Counter
from typing import NamedTuple

import pytest

from medxpert.labeler import label_report
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, POSITIVE
from medxpert.phantom.look import SHIFT
from medxpert.phantom.patients import draw_patient

NUM_PATIENTS = 1200


class Agreement(NamedTuple):
    recall: float
    precision: float


def agreement(pairs, value):
    """Compare (said, found) label values of many observations."""
    counts = Counter((said == value, found == value) for said, found in pairs)
    both = counts[True, True]
    return Agreement(both / (both + counts[True, False]), both / (both + counts[False, True]))


@pytest.fixture(scope="module")
def pairs():
    reports = [study.report for patient in range(NUM_PATIENTS) for study in draw_patient(0, patient, SHIFT)]
    result = []
    for report in reports:
        found = label_report(f"{report.findings.text} {report.impression.text}".strip())
        result += [(report.labels.get(name), found[name]) for name in OBSERVATIONS if name != NO_FINDING]
    return result


def test_positives_are_found(pairs):
    assert min(agreement(pairs, POSITIVE)) >= 0.95


def test_negatives_are_found(pairs):
    assert min(agreement(pairs, NEGATIVE)) >= 0.90
