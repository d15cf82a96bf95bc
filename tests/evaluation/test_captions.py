from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medxpert.cases import Cases, encode_labels
from medxpert.evaluation.caption_files import draw, write_lines
from medxpert.evaluation.captions import FREQUENT, NORMAL, OURS, block, compare, figures, most_frequent, trust

TEXTS = ["Left pleural effusion.", "No acute cardiopulmonary abnormality.", "Right pneumothorax.", "Cardiomegaly."]
LABELS = [{"Pleural Effusion": 1}, {"No Finding": 1}, {"Pneumothorax": 1}, {"Cardiomegaly": 1}]


def cases_of(times=1):
    count = len(TEXTS) * times
    return Cases.of(
        {
            "study_id": [f"s{place}" for place in range(count)],
            "patient_id": [f"p{place}" for place in range(count)],
            "text": TEXTS * times,
            "labels": [encode_labels(one) for one in LABELS] * times,
        },
        Path("nowhere"),
    )


def test_figures_of_the_true_texts_and_of_nothing():
    assert figures(TEXTS, cases_of()) == pytest.approx(
        {"label_f1": 1.0, "label_f1_macro": 1.0, "bleu4": 1.0, "rouge_l": 1.0}, abs=0.3
    )
    assert figures(TEXTS, cases_of())["label_f1"] == 1
    assert set(figures([""] * 4, cases_of()).values()) == {0.0}


def test_f1_by_hand():
    """Two of four right, one wrong assertion, one silent: 2 x 2 / (2 x 2 + 1 + 2)."""
    said = ["Pleural effusion.", "Normal chest.", "Pleural effusion.", ""]
    assert figures(said, cases_of())["label_f1"] == pytest.approx(4 / 7)


def test_most_frequent_ignores_case_and_keeps_what_was_written():
    assert most_frequent(["A b.", "No effusion.", "no  effusion.", "A c."]) == "No effusion."


def test_captioner_that_is_right_gains_over_both():
    found = compare(TEXTS * 10, cases_of(10), ["No acute cardiopulmonary abnormality."])
    assert found["agreement"][OURS]["f1"]["value"] == 1
    for other in (NORMAL, FREQUENT):
        gain = found["agreement"][f"{OURS} - {other}"]["f1"]
        assert gain["value"] == pytest.approx(1 - found["agreement"][other]["f1"]["value"])
        assert gain["low"] > 0
        assert gain["p"] < 0.01
    assert found["readable"] == 1
    assert [row.name for row in block("val", found).rows][:3] == [OURS, NORMAL, FREQUENT]
    assert [row.cells[-1].value for row in block("val", found).rows][:3] == ["", "", ""]


def test_captioner_that_is_always_normal_gains_nothing():
    normal = ["No acute cardiopulmonary abnormality."] * 4
    gain = compare(normal, cases_of(), normal)["agreement"][f"{OURS} - {NORMAL}"]["f1"]
    assert (gain["value"], gain["p"]) == (0, 1)


def test_unreadable_captions_are_counted():
    assert compare(["", *TEXTS[1:]], cases_of(), TEXTS)["readable"] == 0.75


def test_trust_is_the_log_odds_of_being_right():
    """Of 4 affirmations 3 are right; of 4 denials of an effusion 3."""
    said = ["Pleural effusion.", "Normal chest.", "Pneumothorax.", "Pneumothorax."]
    assert trust(said, cases_of()) == pytest.approx({"1": np.log(3)})
    assert trust(["No pleural effusion. Pneumothorax."] * 4, cases_of())["0"] == pytest.approx(-np.log(3))


def test_trust_is_held_within_its_sign_and_limits():
    wrong = trust(["Pneumonia. No pleural effusion."] + ["Pneumonia."] * 3, cases_of())
    assert wrong == {"1": 0.0, "0": 0.0}
    assert trust(TEXTS, cases_of()) == {"1": 3.0}
    assert trust([""] * 4, cases_of()) == {}


def test_files(tmp_path):
    write_lines(tmp_path / "a.csv", ("x", "y"), [("1", "é, b")])
    assert (tmp_path / "a.csv").read_text("utf-8").splitlines() == ["x,y", '1,"é, b"']
    draw(tmp_path / "a.png", [np.zeros((16, 16), np.uint8)] * 5, ["", *TEXTS], [*TEXTS, "x"])
    assert Image.open(tmp_path / "a.png").size[0] > 1000
