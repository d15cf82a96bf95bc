"""A conversation about one image: what is asked, how it is read, what is answered, and what is only text."""

import io
import json
import wave
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from medxpert.abstention.abstainer import Abstainer, Judgement
from medxpert.answer import Answer
from medxpert.app.asking import speaking
from medxpert.app.asking.suggesting import suggested
from medxpert.app.asking.talk import MOST_TALKS, MOST_TURNS, About, Talk, Turn, talk_about
from medxpert.app.asking.turns import sureness
from medxpert.assistant import Assistant
from medxpert.errors import RemoteError
from medxpert.exchange import Heard, Reply
from medxpert.questions.asked import understand
from medxpert.reporting import Finding, Problem, Report

_HOSTILE = "<script>alert(1)</script> **is** there [an](javascript:alert(1)) effusion?"


def _said(drawn) -> str:
    """Return all that the page says as markup."""
    return "\n".join(one.proto.body for one in drawn.get("html") if hasattr(one.proto, "body"))


def _ask(drawn, text):
    drawn.chat_input[0].set_value(text).run()
    assert not drawn.exception
    return drawn


def _talk(drawn) -> Talk:
    content = drawn.session_state["image"].sha256
    return next(one for key, one in drawn.session_state["ask.talks"].items() if key.content == content)


@pytest.fixture
def asking(screen):
    return screen("ask")


@pytest.fixture
def sure(monkeypatch):
    """Let the small model, which is sure of nothing, be sure."""
    real: Callable[..., Answer] = Assistant.ask_question

    def told(self, *others):
        answer = real(self, *others)
        evidence = (answer.voters[1].study_id, "zero-shot")
        reply = replace(
            answer.reply,
            answer="Yes. There is a <b>left</b> pleural effusion.",
            value="yes",
            confidence=0.83,
            evidence=evidence,
            answerable=True,
            problems=(Problem("wrong_side", "answer", "left", "expected <right>", "marked"),),
            fallback_reason="nothing was sent to <x>",
        )
        scores = {"Pleural Effusion": {"zero-shot": 0.71}, "Edema": {"zero-shot": 0.1}}
        provenance = {**answer.report.provenance, "scores": scores}
        return replace(answer, reply=reply, report=replace(answer.report, provenance=provenance))

    monkeypatch.setattr(Assistant, "ask_question", told)


def test_an_answer_has_its_value_its_confidence_and_its_evidence(asking, sure):
    assert not asking.exception
    assert not asking.error
    assert asking.pills[0].options[0] == "What is seen on this image?"

    _ask(asking, "Is there a pleural effusion?")
    turn = _talk(asking).turns[0]
    assert "<strong>yes</strong>There is a &lt;b&gt;left&lt;/b&gt; pleural effusion." in _said(asking)
    assert "Confidence 83 %, fairly sure" in _said(asking)
    assert turn.scores == (("Pleural Effusion", "zero-shot", 0.71),)
    assert "<td>71 %</td>" in _said(asking)
    assert [one.study_id for one in turn.cited] == [turn.reply.evidence[0]]
    assert f"{turn.reply.evidence[0]}</span>" in _said(asking)
    assert "Evidence: 1 similar case, 1 score" in [one.label for one in asking.expander]
    assert "expected &lt;right&gt;" in _said(asking)
    assert "nothing was sent to &lt;x&gt;" in _said(asking)
    assert "Read as" not in _said(asking)


def test_a_follow_up_is_read_in_plain_sight_and_the_whole_can_be_kept(asking):
    for text in ("Is there a pleural effusion?", "Which side?", "And on the left?"):
        _ask(asking, text)

    assert [one.read_as for one in _talk(asking).turns[1:]] == [
        "Which side is the pleural effusion on?",
        "Is there a left pleural effusion?",
    ]
    assert "Read as: <b>Which side is the pleural effusion on?</b>" in _said(asking)
    told = json.loads(_talk(asking).as_json())
    assert [one["typed"] for one in told["turns"]] == [
        "Is there a pleural effusion?",
        "Which side?",
        "And on the left?",
    ]
    assert told["turns"][1]["question"] == "Which side is the pleural effusion on?"
    assert "not for diagnosis" in told["notice"]
    assert "Read as: Which side is the pleural effusion on?" in _talk(asking).as_markdown()


def test_what_no_film_tells_says_why(asking):
    _ask(asking, "What caused it?")

    turn = _talk(asking).turns[0]
    assert not turn.reply.answerable
    assert 'class="mx-reply none"' in _said(asking)
    assert "a radiograph does not tell a cause" in _said(asking)
    assert "Confidence" not in _said(asking)
    assert _talk(asking).turns[0].scores == ()


def test_a_hostile_question_is_text(asking):
    _ask(asking, _HOSTILE)

    assert asking.chat_message[0].children[0].value == _HOSTILE
    assert "<script>" not in _said(asking).replace("<style>", "")
    assert not any("javascript:" in one.value for one in (*asking.markdown, *asking.caption))
    assert "\\[an\\]" in _talk(asking).as_markdown()


def test_another_language_is_refused_in_the_conversation_and_asked_no_more(asking):
    _ask(asking, "Ist die Lunge normal oder nicht?")

    assert "questions are understood in English" in _said(asking)
    assert _talk(asking).turns == []
    asking.run()
    assert "questions are understood in English" not in _said(asking)


def test_a_suggested_question_is_asked_and_offered_no_more(asking):
    first = asking.pills[0].options[0]
    asking.pills[0].set_value(first).run()

    assert [one.typed for one in _talk(asking).turns] == [first]
    assert first not in asking.pills[0].options


def test_each_image_has_its_own_conversation_and_it_stays(asking):
    _ask(asking, "Is it normal?")
    asking.button(key="diagnose.sample.sample_2").click().run()
    assert _talk(asking).turns == []
    assert not asking.chat_message

    asking.button(key="diagnose.sample.sample_1").click().run()
    assert [one.typed for one in _talk(asking).turns] == ["Is it normal?"]
    asking.button(key="ask.anew").click().run()
    assert _talk(asking).turns == []


def test_an_image_that_the_model_does_not_know_is_not_told_about(asking, monkeypatch):
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: Judgement(True, "No chest is seen.", 9.0, 1.0))
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(7).integers(0, 256, (64, 64), dtype=np.uint8)).save(buffer, "PNG")
    asking.file_uploader[0].set_value(("noise.png", buffer.getvalue(), "image/png")).run()
    _ask(asking, "Is there a pneumothorax?")

    assert "Cannot tell from this image: No chest is seen." in _said(asking)


def _speak(drawn, monkeypatch, heard: Heard | None):
    class Hearing:
        def __init__(self, recogniser, audit):
            pass

        def heard(self, path, policy):
            if heard is None:
                raise RemoteError("nothing was sent: <b>private</b>")
            return heard

    monkeypatch.setattr(speaking, "Hearing", Hearing)
    monkeypatch.setattr(speaking, "recogniser", lambda: None)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        tone = 8_000 * np.sin(np.arange(16_000) / 20)
        file.writeframes(tone.astype("<i2").tobytes())
    drawn.audio_input[0].set_value(("said.wav", buffer.getvalue(), "audio/wav")).run()
    assert not drawn.exception
    return drawn


def test_what_was_heard_is_mended_before_it_is_asked(asking, monkeypatch):
    _speak(asking, monkeypatch, Heard("is there a large effusion", 0.62))

    assert asking.text_input(key="ask.mended").value == "is there a large effusion"
    assert "62%" in asking.text_input(key="ask.mended").label
    assert _talk(asking).turns == []

    asking.text_input(key="ask.mended").set_value("is there a small effusion")
    asking.button(key="ask.mended.go").click().run()
    assert [one.typed for one in _talk(asking).turns] == ["is there a small effusion"]


@pytest.mark.parametrize(
    ("heard", "told"),
    [(Heard("", None, "noise"), "Not understood: noise."), (None, "nothing was sent: &lt;b&gt;private")],
)
def test_what_was_not_heard_is_told_in_one_line(asking, monkeypatch, heard, told):
    assert told in _said(_speak(asking, monkeypatch, heard))


def test_every_suggested_question_is_understood():
    findings = (
        Finding("Pleural Effusion", "present", "", laterality="left"),
        Finding("Support Devices", "present", ""),
        Finding("Pneumonia", "absent", ""),
    )
    told = suggested(Report("", "", findings, (), (), (), "template"))

    assert "Which side is the pleural effusion on?" in told
    assert "Is there a pleural effusion?" not in told
    assert all(understand(one).kind != "other" for one in told)
    assert len(set(told)) == len(told) == 5


def test_conversations_and_turns_are_bounded():
    state: dict = {}
    for number in range(MOST_TALKS + 3):
        talk_about(state, About(str(number), "open", "run"), "x")
    assert len(state["ask.talks"]) == MOST_TALKS

    talk = Talk("x")
    for number in range(MOST_TURNS + 2):
        talk.add(Turn(str(number), str(number), Reply("", "", None, (), False, "template"), (), (), {}, 0.0))
    assert (len(talk.turns), talk.gone, talk.turns[0].typed) == (MOST_TURNS, 2, "2")


@pytest.mark.parametrize(
    ("confidence", "told"),
    [(None, ""), (0.999, "over 99 %, very sure"), (0.83, "83 %, fairly sure"), (0.5, "50 %, more likely than not")],
)
def test_confidence_is_told_in_words(confidence, told):
    assert sureness(confidence) == told
