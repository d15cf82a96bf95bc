import json
from importlib.resources import files

import numpy as np
import pytest

from medxpert.cases import Cases, encode_labels
from medxpert.evaluation.reports.reading import said_by, truth_of
from medxpert.evidence.calibrated import SEVERITIES, SIDES
from medxpert.labeler import mentions
from medxpert.ontology import MISSING, NO_FINDING, OBSERVATIONS

_FOLDER = files("medxpert.phantom")
KINDS = json.loads(_FOLDER.joinpath("kinds.json").read_text("utf-8"))
PHRASES = json.loads(_FOLDER.joinpath("phrases.json").read_text("utf-8"))


def finding(kind, side="", severity=0):
    return {"observation": KINDS[kind]["observation"], "kind": kind, "side": side, "severity": severity, "faint": False}


def shown(tmp_path, *findings, text="No report."):
    truth = json.dumps({"image": {"findings": list(findings)}})
    return truth_of(Cases.of({"study_id": ["a"], "text": [text], "truth": [truth]}, tmp_path / "made.parquet"))


def value(said, field, name):
    return int(getattr(said, field)[0, OBSERVATIONS.index(name)])


def test_reads_what_is_affirmed_hedged_denied_and_left_out():
    said = said_by(["Small left pleural effusion. Possible edema. No pneumothorax."])
    assert [value(said, "labels", name) for name in ("Pleural Effusion", "Edema", "Pneumothorax", "Fracture")] == [
        1,
        -1,
        0,
        MISSING,
    ]
    assert SIDES[value(said, "sides", "Pleural Effusion")] == "left"
    assert SEVERITIES[value(said, "severities", "Pleural Effusion")] == "mild"
    assert value(said, "sides", "Edema") == value(said, "sides", "Pneumothorax") == -1


def test_no_report_says_nothing():
    said = said_by(["", "Large right pneumothorax."])
    assert (said.labels[0] == MISSING).all()
    assert said.labels[1, OBSERVATIONS.index("Pneumothorax")] == 1
    assert said_by([]).labels.shape == (0, 14)


def test_several_findings_unite_sides_and_have_the_highest_severity(tmp_path):
    truth = shown(tmp_path, finding("band", "left", 2), finding("band", "right", 1), finding("effusion", "right", 3))
    assert SIDES[value(truth, "sides", "Atelectasis")] == "bilateral"
    assert SEVERITIES[value(truth, "severities", "Atelectasis")] == "moderate"
    assert SIDES[value(truth, "sides", "Pleural Effusion")] == "right"
    assert SEVERITIES[value(truth, "severities", "Pleural Effusion")] == "severe"
    assert (truth.labels == 1).sum() == 2
    assert (truth.labels == 0).sum() == 12


def test_the_image_counts_and_not_the_report(tmp_path):
    truth = shown(tmp_path, finding("sternotomy"), text="Large left pneumothorax.")
    assert value(truth, "labels", NO_FINDING) == value(truth, "labels", "Support Devices") == 1
    assert value(truth, "labels", "Pneumothorax") == 0
    assert (truth.sides == -1).all()
    assert (truth.severities == -1).all()


def test_a_grade_without_a_word_of_severity_is_unknown(tmp_path):
    assert value(shown(tmp_path, finding("interstitial", "bilateral", 2)), "severities", "Lung Opacity") == -1


def _graded():
    """Yield every sentence of the generator that tells a grade, with its kind and number."""
    for kind, grades in PHRASES["severity"].items():
        for number, words in enumerate(grades, 1):
            for template in PHRASES["present"][kind]:
                if "{severity}" in template or "{severely}" in template:
                    slots = {"severity": words[0], "severely": words[1], "side": "left", "zone": "", "zones": ""}
                    yield kind, number, template.format(**slots)


@pytest.mark.parametrize("kind", sorted(PHRASES["severity"]))
def test_a_perfect_reader_of_the_generators_own_words_is_right(tmp_path, kind):
    name = KINDS[kind]["observation"]
    compared = 0
    for _, number, sentence in (one for one in _graded() if one[0] == kind):
        read = [one.severity for one in mentions(sentence) if one.observation == name and one.severity]
        known = value(shown(tmp_path, finding(kind, "left", number)), "severities", name)
        if known >= 0 and read:
            compared += 1
            assert SEVERITIES[known] in read
    words = {word for words in PHRASES["severity"][kind] for word in words}
    assert compared or not words & {"mild", "moderate", "severe", "small", "large", "faint", "minor", "marked"}


def test_without_a_generator_the_labels_and_words_of_the_report_count(tmp_path):
    labels = encode_labels({"Edema": 1, "Pneumonia": -1, "Fracture": 0})
    columns = {
        "study_id": ["a"],
        "text": ["Moderate edema in both lungs. Possible left pneumonia."],
        "labels": [labels],
    }
    truth = truth_of(Cases.of(columns, tmp_path / "made.parquet"))
    assert [value(truth, "labels", name) for name in ("Edema", "Pneumonia", "Fracture", "Atelectasis")] == [
        1,
        MISSING,
        0,
        0,
    ]
    assert SIDES[value(truth, "sides", "Edema")] == "bilateral"
    assert SEVERITIES[value(truth, "severities", "Edema")] == "moderate"


def test_an_unlabelled_study_is_unknown(tmp_path):
    truth = truth_of(Cases.of({"study_id": ["a"], "text": ["Edema."]}, tmp_path / "made.parquet"))
    assert np.isin(truth.labels, MISSING).all()
