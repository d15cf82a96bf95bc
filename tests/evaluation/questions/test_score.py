import json
from dataclasses import replace

import numpy as np
import pytest

from medxpert.evaluation.questions.answered import Answered
from medxpert.evaluation.questions.layout import blocks
from medxpert.evaluation.questions.score import CHANCE, OURS, TOLD, WORDS, score
from medxpert.exchange import Question, Reply
from medxpert.phantom.questions import AskedPhantom
from medxpert.tables.blocks import DASH

ASKED = AskedPhantom("s0", "p0", "", "Is it?", "presence", "Edema", "", "", "presence 1", "yes", 0.25)
NEVER = replace(ASKED, kind="other", observation="", template="cause 1", answer="", answerable=False, reason="cause")


def answered(asked, value="", confidence=None, told=True):
    read = Question(asked.question, asked.kind, (asked.observation,) if asked.observation else (), asked.side)
    text = "So it is." if told else "Cannot tell from this image."
    return Answered(asked, read, Reply(asked.question, text, confidence, (), told, "template", value, asked.kind))


def right(asked, confidence=None):
    return answered(asked, asked.answer, confidence, asked.answerable)


def of_patients(*answers):
    """Give each answer a patient of its own."""
    return [one._replace(asked=replace(one.asked, patient_id=f"p{row}")) for row, one in enumerate(answers)]


def test_accuracy_by_hand():
    no = replace(ASKED, answer="no")
    side = replace(ASKED, kind="side", template="side 1", answer="left")
    ours = of_patients(
        right(ASKED), answered(no, "yes"), answered(no, told=False), right(side), right(NEVER), answered(NEVER, "x")
    )
    found = score(ours, of_patients(*map(right, [one.asked for one in ours])), [no, no, ASKED, side])
    assert found["accuracy"][OURS]["presence"]["value"] == pytest.approx(1 / 3)
    assert found["accuracy"][OURS]["side"]["value"] == 1
    assert found["accuracy"][TOLD]["presence"]["value"] == 1
    assert found["accuracy"][CHANCE]["presence"]["value"] == 0.5
    assert found["accuracy"][WORDS]["presence"]["value"] == pytest.approx(2 / 3)
    assert found["silent"]["presence"]["value"] == pytest.approx(1 / 3)
    assert found["counts"]["presence"] == {"questions": 3, "wordings": 1, "studies": 1, "patients": 3}
    assert found["observations"]["presence"]["Edema"]["questions"] == 3
    cells = found["unanswerable"]["figures"][OURS]
    assert {name: cell["value"] for name, cell in cells.items()} == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert found["unanswerable"]["reasons"][OURS]["cause"]["value"] == 0.5


def test_nature_weighs_answers_by_how_frequent_they_are():
    no = replace(ASKED, answer="no", share=0.75)
    found = score(*[of_patients(right(no), answered(ASKED, "no"))] * 2, [])
    assert found["accuracy"][OURS]["presence"]["value"] == 0.5
    assert found["natural"]["presence"]["value"] == 0.75
    assert WORDS not in found["accuracy"]


def test_confidence_that_is_right_has_no_error():
    rng = np.random.default_rng(0)
    said = rng.uniform(0.3, 1, 2000)
    true = rng.random(2000) < said
    ours = of_patients(
        *(answered(ASKED, "yes" if good else "no", p) for good, p in zip(true, said.tolist(), strict=True))
    )
    found = score(ours, ours, [])["confidence"]
    assert found["all"]["ece"]["value"] < 0.05
    assert found["all"]["ece"] == pytest.approx(found["presence"]["ece"])
    sure = [one._replace(reply=replace(one.reply, confidence=1.0)) for one in ours]
    assert score(sure, sure, [])["confidence"]["all"]["ece"]["value"] == pytest.approx(1 - true.mean())


def test_confidence_is_measured_as_answers_occur():
    no = replace(ASKED, answer="no", share=0.9)
    yes = replace(ASKED, share=0.1)
    ours = of_patients(*[answered(no, "no", 0.9)] * 50, *[answered(yes, "no", 0.9)] * 50)
    found = score(ours, ours, [])["confidence"]["all"]
    assert found["ece"]["value"] == pytest.approx(0)
    assert found["ece_balanced"]["value"] == pytest.approx(0.4)
    assert found["answers"] == 100


def test_answers_without_confidence_are_no_part_of_it():
    ours = of_patients(right(ASKED), answered(ASKED, told=False, confidence=0.5))
    assert score(ours, ours, [])["confidence"] == {}


def test_misread_questions_are_told_from_wrong_answers():
    misread = answered(ASKED, "no")._replace(understood=Question("Is it?", "open"))
    ours = of_patients(misread, answered(ASKED, "no"), answered(ASKED, told=False), answered(NEVER, "x"), right(ASKED))
    found = score(ours, ours, [])
    assert found["understood"]["presence"]["value"] == 0.75
    faults = {(one["kind"], one["true"], one["fault"]) for one in found["errors"]}
    assert faults == {
        ("presence", "yes", "misread"),
        ("presence", "yes", "no"),
        ("presence", "yes", "cannot tell"),
        ("other", "cause", "x"),
    }


def test_open_questions_are_measured_by_what_their_answers_assert():
    opened = replace(ASKED, kind="open", observation="", template="open 1")
    texts = {
        "Edema; Fracture": "There is edema. Possible pneumonia.",
        "": "There is a left pleural effusion.",
    }
    ours = of_patients(*[answered(replace(opened, answer=true)) for true in texts])
    ours = [one._replace(reply=replace(one.reply, answer=text)) for one, text in zip(ours, texts.values(), strict=True)]
    found = score(ours, ours, [])
    assert found["open"]["value"] == pytest.approx(2 * 1 / (2 + 2))
    assert found["errors"] == []
    assert found["accuracy"][OURS] == {}


@pytest.mark.parametrize("known", [[], [ASKED, NEVER]])
def test_figures_are_json_and_tables_fit_their_columns(known):
    side = replace(ASKED, kind="side", template="side 1", answer="left")
    ours = of_patients(right(ASKED, 0.9), answered(side, told=False), right(NEVER))
    figures = score(ours, ours, known)
    json.dumps(figures, allow_nan=False)
    found = list(blocks(figures))
    assert all(len(row.cells) == len(block.columns) for block in found for row in block.rows)
    assert len({block.title for block in found}) == len(found)
    main = next(row for row in found[0].rows if row.kind == "main")
    assert [cell.value for cell in main.cells] == ["100.0", "0.0", DASH, DASH]


def test_nothing_answered_has_no_precision():
    ours = of_patients(right(ASKED))
    found = score(ours, ours, [ASKED])
    assert found["unanswerable"]["figures"][OURS] == {}
    assert list(blocks(found))
