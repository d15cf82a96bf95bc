"""Questions to language models: request, answers in JSON and in prose, refusals, and both services over loopback."""

import json
import re

import numpy as np
import pytest
from reporters.fakes import KEY, MODEL, GeminiFake, OpenAIFake, case
from reporters.test_prompt import HOSTILE, blocks

from medxpert.errors import RemoteError
from medxpert.exchange import Question, Reply
from medxpert.reporters.asking import parse_reply, question_of, reply_schema
from medxpert.reporters.gemini import GeminiReporter
from medxpert.reporters.openai_compatible import OpenAIReporter
from medxpert.reporters.prompt import MOST_CHARACTERS
from medxpert.reporters.retries import Failed, Unreadable
from medxpert.reporting import RemoteReporter

QUESTION = Question("Is there a left pleural effusion?", "presence", ("Pleural Effusion",), "left")
ANSWER = {"answer": "Yes, a small left pleural effusion.", "value": "yes", "evidence": ["case-1", "zero-shot"]}
SAID = json.dumps(ANSWER)
CANNOT = "Cannot tell from this image"
SERVICES = {"gemini": (GeminiFake, GeminiReporter), "openai": (OpenAIFake, OpenAIReporter)}


def reply(text, kind="presence"):
    return parse_reply(text, Question("Q?", kind), "gemini")


def told(**changes):
    return json.dumps(ANSWER | changes)


def test_every_field_arrives():
    assert parse_reply(SAID, QUESTION, "openai") == Reply(
        question=QUESTION.text,
        answer="Yes, a small left pleural effusion.",
        confidence=None,
        evidence=("case-1", "zero-shot"),
        answerable=True,
        reporter="openai",
        value="yes",
        kind="presence",
    )


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{SAID}\n```",
        f"Here it is:\n{SAID}\nAnything else?",
        f"<think>{{}} or not</think>\n{SAID}",
        f"\ufeff{SAID}",
        told(value="Yes."),
        told(value=True),
        told(value="present"),
        told(evidence=["case-1", "zero-shot", "case-1"]),
        told(answer="Yes, a small\nleft pleural\u200b effusion."),
    ],
)
def test_forgiven(text):
    assert reply(text) == reply(SAID)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("presence", "No", "no"),
        ("presence", "left", ""),
        ("side", "both", "bilateral"),
        ("side", "Right", "right"),
        ("severity", "large", "severe"),
        ("severity", "huge", ""),
        ("count", 2, "2"),
        ("count", "three", "3"),
        ("count", "many", ""),
        ("change", "improved", "better"),
        ("open", "yes", ""),
        ("presence", None, ""),
    ],
)
def test_values_are_those_that_were_asked_for(kind, value, expected):
    assert reply(told(value=value), kind).value == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("There is a small left pleural effusion.", "There is a small left pleural effusion."),
        ("**Answer:** Yes, there is.\n\n", "Yes, there is."),
        ("<think>hm</think> No effusion is seen.", "No effusion is seen."),
        ("```\nYes, there is.\n```", "Yes, there is."),
        ("I cannot see a pneumothorax.", "I cannot see a pneumothorax."),
        ("The evidence does not show an effusion.", "The evidence does not show an effusion."),
        ("Yes. " + "It is small. " * 100, "Yes. " + "It is small. " * 44 + "It is small."),
    ],
)
def test_prose_is_an_answer_without_value(text, answer):
    found = reply(text)
    assert (found.answer, found.value, found.evidence, found.answerable) == (answer, "", (), True)
    assert len(found.answer) <= 600


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (told(answer=f"{CANNOT}: no row speaks of it.", value="yes"), f"{CANNOT}: no row speaks of it."),
        (told(answer="That is not known.", value="cannot tell"), f"{CANNOT}. That is not known."),
        (told(answer="Cannot be determined.", value=""), f"{CANNOT}. Cannot be determined."),
        ("I can\u2019t tell from the evidence.", f"{CANNOT}. I can\u2019t tell from the evidence."),
        ("It is not possible to say.", f"{CANNOT}. It is not possible to say."),
    ],
)
def test_not_knowing_is_no_answer(text, answer):
    found = reply(text)
    assert (found.answer, found.value, found.answerable) == (answer, "", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "answered nothing"),
        (" \n ", "answered nothing"),
        ("***", "answered nothing"),
        ("... 1 2", "no sentence"),
        ("word " * 500, "no sentence"),
        (SAID[:-1], "not JSON"),
        ("```json\n{\n```", "not JSON"),
        ("<html><p>Log in</p></html>", "HTML"),
        ("[]", "another form"),
        (told(answer=" "), "another form (answer"),
        (told(answer="x" * 601), "another form (answer"),
        (told(extra=1), "another form (extra"),
        (told(evidence="case-1"), "another form (evidence"),
        (json.dumps({"findings": [], "impression": [], "diagnoses": []}), "another form (answer"),
    ],
)
def test_what_cannot_be_read(text, message):
    with pytest.raises(Unreadable) as caught:
        reply(text)
    assert message in caught.value.what


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "As an AI language model, I do not read radiographs.",
        "I cannot provide medical advice.",
        "I am unable to interpret medical images.",
        "I can\u2019t view images.",
        told(answer="I cannot help with medical questions."),
    ],
)
def test_refusals_are_no_answers(text):
    with pytest.raises(Failed, match="refused to answer") as caught:
        reply(text)
    assert caught.value.again == 0


def test_the_request_holds_question_and_evidence():
    prompt = question_of(case(query="the question again"), QUESTION, False, 2)
    found = blocks(prompt.text)
    assert [name for name, _ in found] == ["question", "technique", "evidence", "case", "case"]
    assert found[0][1] == [{"asks for": "presence", "question": QUESTION.text}]
    assert found[2][1][1]["observation"] == "Pleural Effusion"
    assert "the question again" not in prompt.text
    assert CANNOT in prompt.system
    assert json.loads(prompt.system.splitlines()[-1]).keys() == ANSWER.keys()
    assert "{token}" not in prompt.system
    assert "Word the report" not in prompt.text
    assert prompt == question_of(case(), QUESTION, False, 2)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_question_stays_inside_its_block(text):
    prompt = question_of(case(), Question(text, "open"), False, 1)
    assert blocks(prompt.text)[0][1] == [{"asks for": "open", "question": text}]
    assert text not in prompt.system
    assert prompt.text.replace("\n", "").isprintable()


def test_a_long_question_is_cut():
    prompt = question_of(case(), Question("why " * 10_000, "open"), False, 1)
    assert len(blocks(prompt.text)[0][1][0]["question"]) == MOST_CHARACTERS + len(" [cut]")


def test_the_picture_is_sent_only_where_it_may():
    pixels = np.zeros((8, 8), np.uint8)
    assert question_of(case(pixels=pixels), QUESTION, True, 1).image
    assert question_of(case(pixels=pixels), QUESTION, False, 1).image is None


def test_the_form_is_strict():
    assert reply_schema() == {
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "value": {"type": "string"},
            "evidence": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "value", "evidence"],
        "additionalProperties": False,
    }


@pytest.fixture(params=SERVICES)
def service(request, waits):
    return SERVICES[request.param]


def reporter_at(fake, kind, **settings):
    return kind(**({"model": MODEL, "base_url": fake.url, "timeout_seconds": 5, "attempts": 3} | settings))


def refused(service, *replies, **settings):
    with service[0](*replies) as fake:
        with pytest.raises(RemoteError) as caught:
            reporter_at(fake, service[1], **settings).answer(case(), QUESTION)
        assert "\n" not in str(caught.value)
        assert KEY not in str(caught.value)
        return str(caught.value), len(fake.requests)


@pytest.mark.server
def test_a_service_answers(service):
    with service[0](service[0].saying(SAID), key=KEY) as fake:
        reporter = reporter_at(fake, service[1])
        assert isinstance(reporter, RemoteReporter)
        found = reporter.answer(case(), QUESTION)
        body = json.dumps(fake.requests[0].body)
    assert (found.value, found.evidence, found.reporter) == ("yes", ("case-1", "zero-shot"), reporter.name)
    assert "Is there a left pleural effusion?" in body
    assert '"answer"' in body
    assert '"findings"' not in body
    assert ("reply" in re.findall(r'"json_schema": {"name": "(\w+)"', body)) == (reporter.name == "openai")


@pytest.mark.server
def test_a_service_answers_in_prose(service):
    with service[0](service[0].saying("There is a small left pleural effusion.")) as fake:
        found = reporter_at(fake, service[1]).answer(case(), QUESTION)
        assert len(fake.requests) == 1
    assert (found.answer, found.value) == ("There is a small left pleural effusion.", "")


@pytest.mark.server
def test_a_service_that_does_not_answer(service):
    message, asked = refused(service, service[0].saying("I'm sorry, I can't assist with that."))
    assert "refused to answer; ask otherwise" in message
    assert asked == 1
    message, asked = refused(service, service[0].saying(""))
    assert "answered nothing" in message
    assert asked == 2
    message, asked = refused(service, service[0].saying('{"answer": 1}'))
    assert "another form (answer" in message
    assert asked == 2


@pytest.mark.server
@pytest.mark.parametrize("send_image", [True, False])
def test_the_preview_is_the_body(service, send_image):
    given = case(pixels=np.zeros((8, 8), np.uint8))
    with service[0](service[0].saying(SAID)) as fake:
        reporter = reporter_at(fake, service[1], send_image=send_image)
        preview = reporter.preview_question(given, QUESTION)
        assert not fake.requests
        reporter.answer(given, QUESTION)
        sent = json.dumps(fake.requests[0].body, indent=2, ensure_ascii=False)
    assert ("<image, " in preview) == send_image
    named = re.sub(r'"(?:iVBOR|data:image)[^"]*"', lambda _: re.search(r'"<image[^"]*"', preview)[0], sent)
    assert json.loads(named) == json.loads(preview)
    assert KEY not in preview
