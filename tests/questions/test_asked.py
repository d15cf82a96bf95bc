from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from medxpert.errors import ConfigError
from medxpert.exchange import Question
from medxpert.ontology import OBSERVATIONS
from medxpert.questions.asked import MOST_WORDS, understand

TABLE = Path(__file__).with_name("phrasings.tsv")


def rows() -> Iterator[Question]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            named = set((row["observations"] or "").split("+")) - {""}
            assert named <= set(OBSERVATIONS)
            observations = tuple(one for one in OBSERVATIONS if one in named)
            yield Question(row["question"], row["kind"], observations, row["side"] or "", row["severity"] or "")  # type: ignore[arg-type]


def told(question: Question) -> tuple[object, ...]:
    return question.kind, question.observations, question.side, question.severity


def test_every_phrasing_is_understood_as_it_is_meant() -> None:
    wanted = list(rows())
    assert len(wanted) > 300
    found = {one.text: told(understand(one.text)) for one in wanted}
    assert {one.text: found[one.text] for one in wanted if found[one.text] != told(one)} == {}


def test_only_what_cannot_be_told_has_a_reason() -> None:
    for one in rows():
        asked = understand(one.text)
        assert bool(asked.reason) == (asked.kind == "other")
        assert asked.text == one.text


def test_case_marks_and_apostrophes_change_nothing() -> None:
    for one in list(rows())[:120:3]:
        if "?" not in one.text[:-1]:
            assert told(understand(one.text.upper())) == told(understand(one.text.rstrip("?.!") + " ?")) == told(one)
    assert understand("What’s wrong?").kind == understand("What's wrong?").kind == "open"  # noqa: RUF001


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Is there a stone in the kidney?", "another part of the body"),
        ("Which antibiotic is best?", "treatment"),
        ("Is the mass malignant?", "benign or malignant"),
        ("What is the troponin?", "laboratory values"),
        ("Is there a pulmonary embolism?", "embol.* is none of the 14 observations"),
        ("Tell me something about ducks.", "not understood"),
        ("Is there an effusion? Where is it?", "several questions"),
        ("Is there a left effusion or a right pneumothorax?", "two places"),
    ],
)
def test_the_reason_says_why(text: str, reason: str) -> None:
    asked = understand(text)
    assert asked.kind == "other"
    assert re.search(reason, asked.reason)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found nothing"),
        ("  \n ", "found nothing"),
        ("?!", "found nothing"),
        ("Is there\x00an effusion?", "control characters"),
        ("effusion " * 10_000, "found 10,000; ask one short"),
        ("x" * 100_000, "at most 2,000 letters, found 100,000"),
        ("¿Hay un derrame pleural?", "understood in English"),
        ("Gibt es einen Pneumothorax links?", "understood in English"),
        ("Y a-t-il un épanchement pleural à gauche ?", "understood in English"),
        ("C'è un versamento pleurico?", "understood in English"),
        ("Há derrame pleural à esquerda?", "understood in English"),
        ("Есть ли пневмоторакс?", "understood in English"),
        ("胸水はありますか", "understood in English"),
        ("qwfp zxcv arst neio", "understood in English"),
    ],
)
def test_bad_questions_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        understand(text)
    assert str(caught.value).startswith("question: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_longest_question_is_understood() -> None:
    assert understand("please " * (MOST_WORDS - 4) + "is there an effusion?").observations == ("Pleural Effusion",)


@pytest.mark.parametrize(
    "text",
    ["Does he sing about pneumonia?", "Pneumonia is my favourite band", "Did the effusion vote?", "Is there?", "yes"],
)
def test_it_never_guesses(text: str) -> None:
    assert understand(text).kind == "other"
