"""What single sentences say: sentences.txt holds "sentence | observation yes/no/maybe, ..."; nothing else is said."""

from pathlib import Path

import pytest

from medxpert.labeler import label_report
from medxpert.ontology import NO_FINDING

NAMES = {
    "heart": "Cardiomegaly",
    "mediastinum": "Enlarged Cardiomediastinum",
    "opacity": "Lung Opacity",
    "lesion": "Lung Lesion",
    "edema": "Edema",
    "consolidation": "Consolidation",
    "pneumonia": "Pneumonia",
    "atelectasis": "Atelectasis",
    "pneumothorax": "Pneumothorax",
    "effusion": "Pleural Effusion",
    "pleura": "Pleural Other",
    "fracture": "Fracture",
    "devices": "Support Devices",
}
VALUES = {"yes": 1, "no": 0, "maybe": -1}
LINES = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()


def said(text):
    return {name: value for name, value in label_report(text).items() if value is not None and name != NO_FINDING}


@pytest.mark.parametrize("line", LINES)
def test_a_sentence_says_what_the_table_says(line):
    sentence, _, labels = line.partition("|")
    pairs = [label.split() for label in labels.split(",") if label.strip()]
    assert said(sentence.strip()) == {NAMES[name]: VALUES[value] for name, value in pairs}


@pytest.mark.parametrize("line", LINES[::5])
def test_a_sentence_says_the_same_in_capitals_and_between_others(line):
    sentence = line.partition("|")[0].strip().rstrip(".")
    alone = said(sentence)
    assert said(f"Comparison is made to a film of last week.\n{sentence}.\nThe spine is straight.") == alone
    assert said(sentence.upper()) == alone


@pytest.mark.parametrize("finding", ["effusion", "pneumothorax", "edema", "consolidation", "rib fracture", "nodule"])
@pytest.mark.parametrize(
    ("frame", "value"),
    [
        ("There is {}.", 1),
        ("Stable {}.", 1),
        ("Likely {}.", 1),
        ("No {}.", 0),
        ("There is no evidence of {}.", 0),
        ("Clear lungs without {}.", 0),
        ("{} is not seen.", 0),
        ("{} has resolved.", 0),
        ("No {} or hernia.", 0),
        ("No hernia, scoliosis, or {}.", 0),
        ("Possible {}.", -1),
        ("There may be {}.", -1),
        ("{} cannot be excluded.", -1),
        ("Findings concerning for {}.", -1),
        ("Questionable {}.", -1),
        ("{} versus artifact.", -1),
        ("Evaluate for {}.", None),
    ],
)
def test_a_cue_means_the_same_for_every_finding(finding, frame, value):
    found = said(frame.format(finding).capitalize())
    assert list(found.values()) == ([] if value is None else [value])
