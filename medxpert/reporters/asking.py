"""Questions to language models: the request, the form of the answer, and its way to a reply; prose is read as well."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, WithJsonSchema

from medxpert.exchange import Question, Reply
from medxpert.reporters.prompt import Form, Prompt, case_blocks, composed, cut, encoded
from medxpert.reporters.retries import Failed, Unreadable
from medxpert.reporters.schema import Name, Part, Sentence, fault_of, flat, json_in, seen, spoken
from medxpert.reporting import Case

MOST_CHARACTERS = 600
"""Of an answer; prose is cut at the end of a sentence."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_MARKS = re.compile(r"^\W*answer\W*:\s*|[*_#`]+", re.IGNORECASE)


def _word(value: Any) -> Any:
    """Take a truth or a number for the word that stands for it."""
    if isinstance(value, bool | int):
        value = str(value)
    return "" if value is None else value


Value = Annotated[str, StringConstraints(max_length=60), BeforeValidator(_word), WithJsonSchema({"type": "string"})]


class Answered(Part):
    """An answer as a model gives it; its texts are on one line and without invisible characters."""

    answer: Sentence
    value: Value = ""
    evidence: list[Name] = Field(default_factory=list, max_length=30)


def question_of(case: Case, question: Question, with_image: bool, max_cases: int) -> Prompt:
    """Build the request for an answer.

    The question is one more foreign text: JSON inside a fence, as all that is told of the case.

    Args:
        case: as the privacy gate left it; its query is left out, for it is the question.
        question: with a text that the gate let through.
        with_image: whether to attach the pixels, where the case has them.
        max_cases: how many similar cases to tell of, the nearest first.
    """
    asked = encoded({"asks for": question.kind, "question": cut(question.text)})
    blocks = [("question", asked), *case_blocks(replace(case, query=""), max_cases)]
    return composed(Form("reply", reply_schema()), blocks, case.pixels if with_image else None)


def parse_reply(text: str, question: Question, reporter: str) -> Reply:
    """Read what a model answered.

    JSON of the form is taken as it is, and what says that it cannot tell as no answer. Prose is the answer itself, as
    far as its sentences have room, without value and evidence.

    Args:
        text: as the model wrote it.
        question: that was asked; a value that it did not ask for is left out.
        reporter: who answers.

    Raises:
        Unreadable: nothing readable is in it, or JSON of another form.
        Failed: the model refuses to answer.
    """
    found = _answered(text)
    plain = found.answer.lower().replace("\u2019", "'")
    if re.search(_words()["refused"], plain):
        raise Failed("refused to answer", "ask otherwise, or try another reporter.model")
    cannot: str = _words()["cannot tell"]
    answerable = found.value.lower() != "cannot tell" and not re.search(_words()["unanswered"], plain)
    answer = found.answer
    if not answerable and not plain.startswith(cannot.lower()):
        answer = f"{cannot}. {answer}"
    return Reply(
        question=question.text,
        answer=answer,
        confidence=None,
        evidence=tuple(dict.fromkeys(found.evidence)),
        answerable=answerable,
        reporter=reporter,
        value=_value(found.value, question) if answerable else "",
        kind=question.kind,
    )


def reply_schema() -> dict[str, Any]:
    """Return the form of an answer as a JSON schema."""
    return flat(Answered.model_json_schema())


def _answered(text: str) -> Answered:
    """Read JSON where there is some, prose elsewhere.

    Raises:
        Unreadable: it is neither.
    """
    body = json_in(text)
    if body.startswith(("{", "[", "<")):
        try:
            return Answered.model_validate_json(body)
        except ValidationError as error:
            raise Unreadable(fault_of(text, error)) from None
    return Answered(answer=_prose(seen(_MARKS.sub("", spoken(text)))))


def _prose(text: str) -> str:
    """Return the first sentences that have room.

    Raises:
        Unreadable: there are none, or the first one is too long.
    """
    kept = ""
    for sentence in _SENTENCE.split(text):
        longer = f"{kept} {sentence}".strip()
        if len(longer) > MOST_CHARACTERS:
            break
        kept = longer
    if not any(letter.isalpha() for letter in kept):
        raise Unreadable(f"answered no sentence ({len(text)} characters)" if text else "answered nothing")
    return kept


def _value(value: str, question: Question) -> str:
    """Return the word as `Reply.value` has it; "" where the question does not ask for such a word."""
    plain = value.lower().strip(" .!\"'")
    plain = _words()["same"].get(plain, plain)
    if question.kind == "count":
        return plain if re.fullmatch(r"\d{1,2}", plain) else ""
    return plain if plain in _words()["values"].get(question.kind, ()) else ""


@cache
def _words() -> Mapping[str, Any]:
    words: dict[str, Any] = json.loads(files("medxpert.reporters").joinpath("asking.json").read_text("utf-8"))
    return words
