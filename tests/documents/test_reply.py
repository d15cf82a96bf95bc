import io
import json
from dataclasses import replace

import pytest
from documents.samples import REPLY, replying
from rich.console import Console

from medxpert.documents.reply import as_json, reply_panel
from medxpert.exchange import Reply
from medxpert.report import NOTICE

UNSURE = Reply("What is the age?", "Cannot tell from this image: age.", None, (), False, "template", kind="other")
MADE = {"run": "a run", "policy": "open", "score": float("nan"), "counts": (1, 2)}


def printed(reply, width=100, colours=False):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colours, color_system="standard" if colours else None
    )
    console.print(reply_panel(reply))
    return console.file.getvalue()


def test_names_others_rely_on():
    values = as_json(REPLY, MADE)
    assert list(values) == [
        "question", "answer", "confidence", "evidence", "answerable", "reporter", "value", "kind", "problems",
        "fallback_reason", "notice", "policy", "provenance",
    ]  # fmt: skip
    assert list(values.values())[:10] == [
        "Is there a left effusion?", "Yes, a left pleural effusion is seen.", 0.83, ["zero-shot", "s1"], True,
        "template", "yes", "presence",
        [{"kind": "unknown_evidence", "where": "findings", "text": "s99", "detail": "cited for Edema",
          "action": "dropped"}],
        "",
    ]  # fmt: skip
    assert (values["notice"], values["policy"]) == (NOTICE, "open")
    assert values["provenance"] == {"run": "a run", "policy": "open", "score": None, "counts": [1, 2]}
    json.dumps(values, allow_nan=False)


def test_what_cannot_be_told_has_no_confidence():
    values = as_json(UNSURE, {})
    assert (values["confidence"], values["answerable"], values["value"], values["kind"]) == (None, False, "", "other")
    assert values["policy"] == "private"


@pytest.mark.parametrize(
    "told",
    [
        NOTICE, "Is there a left effusion?", "Yes, a left pleural effusion is seen.", "Confidence: 0.83",
        "Evidence: zero-shot, s1", "Written by the reporter template instead of the one asked for: no key",
        'Check: unknown evidence (findings, dropped): "s99": cited for Edema',
    ],
)  # fmt: skip
def test_panel(told):
    assert told in printed(replace(REPLY, fallback_reason="no key"))


def test_nothing_is_said_of_what_is_not_known():
    text = printed(UNSURE)
    assert not [word for word in ("Confidence", "Evidence", "Check", "instead") if word in text]


def test_a_reply_is_neither_markup_nor_controls_the_terminal():
    words = "[bold red]x[/bold red] [link=http://evil.example]y[/link] :warning: [/] \x1b[2J\x07\x9b1m\u202e\rz"
    hostile = replying(words)
    text = printed(hostile, 600)
    assert text.count("[bold red]x[/bold red] [link=http://evil.example]y[/link] :warning: [/]") == 9
    assert not set(text) & set("\x1b\x07\x9b\u202e\r")
    assert "]8;" not in printed(hostile, 600, colours=True)
