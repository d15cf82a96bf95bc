import copy
import json

import pytest
from reporters.fakes import ANSWER

from medxpert.ontology import OBSERVATIONS
from medxpert.reporters.retries import Unreadable
from medxpert.reporters.schema import answer_schema, parse

SAID = json.dumps(ANSWER)


def changed(path, value):
    answer = copy.deepcopy(ANSWER)
    *way, last = path
    place = answer
    for step in way:
        place = place[step]
    place[last] = value
    return json.dumps(answer)


def test_every_field_arrives():
    draft = parse(SAID)
    effusion = draft.findings[0]
    assert (effusion.observation, effusion.status, effusion.laterality) == ("Pleural Effusion", "present", "left")
    assert (effusion.severity, effusion.sentence) == ("mild", "There is a small left pleural effusion.")
    assert effusion.evidence == ("case-1", "zero-shot")
    assert draft.diagnoses[0].name == "Pleural effusion"
    assert draft.diagnoses[0].icd10[0].billable is True


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{SAID}\n```",
        f"```\n{SAID}```",
        f"Here is the report:\n{SAID}\nAnything else?",
        f"<think>maybe {{}} this</think>\n{SAID}",
        f"\ufeff{SAID}",
        changed(["findings", 1, "laterality"], ""),
        changed(["findings", 0, "evidence"], ["case-1", "zero-shot", "case-1"]),
    ],
)
def test_forgiven(text):
    assert parse(text) == parse(SAID)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "answered nothing"),
        ("No report.", "not JSON (10 characters)"),
        (SAID[:-1], "not JSON"),
        ("<!doctype html><p>{}</p>", "HTML"),
        ("[]", "another form (the answer"),
        ("{" * 5000, "not JSON"),
        ('{"findings":' + "[" * 5000, "not JSON"),
        (SAID.replace("small", r"\ud800"), "not JSON"),
        (changed(["notice"], "x"), "notice"),
        (changed(["findings", 0, "support"], "supported"), "findings.0.support"),
        (changed(["findings", 0, "observation"], "Gout"), "expected one of the 14 observations"),
        (changed(["findings", 0, "observation"], None), "findings.0.observation"),
        (changed(["findings", 0, "status"], "Present"), "findings.0.status"),
        (changed(["findings", 0, "laterality"], "both"), "findings.0.laterality"),
        (changed(["findings", 0, "severity"], 3), "findings.0.severity"),
        (changed(["findings", 0, "sentence"], ""), "expected text"),
        (changed(["findings", 0, "sentence"], "\u200b\n "), "expected text"),
        (changed(["findings", 0, "sentence"], "x" * 601), "findings.0.sentence"),
        (changed(["findings", 0, "evidence"], "case-1"), "findings.0.evidence"),
        (changed(["findings", 0, "evidence"], ["a"] * 31), "findings.0.evidence"),
        (changed(["findings"], [ANSWER["findings"][0]] * 41), "findings"),
        (changed(["impression"], "Normal."), "impression"),
        (changed(["impression"], ["x"] * 21), "impression"),
        (changed(["diagnoses", 0, "icd10", 0, "billable"], "yes"), "billable"),
        (changed(["diagnoses", 0, "icd10", 0, "billable"], 1), "billable"),
        (changed(["diagnoses", 0, "icd10", 0, "code"], "J90" * 9), "code"),
        (json.dumps({key: ANSWER[key] for key in ("findings", "impression")}), "diagnoses: Field required"),
    ],
)
def test_refused(text, message):
    with pytest.raises(Unreadable) as caught:
        parse(text)
    assert message in caught.value.what
    assert caught.value.again == 1


def test_a_key_of_the_model_cannot_flood_or_break_the_message():
    with pytest.raises(Unreadable) as caught:
        parse(changed(["a\n\x1b[31m" + "b" * 5000], 1))
    assert caught.value.what.isprintable()
    assert len(caught.value.what) < 300


def test_texts_are_one_line_without_invisible_characters():
    draft = parse(changed(["findings", 0, "sentence"], "Small\nleft\u202e effusion\u200b.\x1b \U000e0041"))
    assert draft.findings[0].sentence == "Small left effusion."


def test_schema_admits_what_the_parser_admits():
    schema = answer_schema()
    assert "$" not in json.dumps(schema)
    finding = schema["properties"]["findings"]["items"]
    assert finding["properties"]["observation"]["enum"] == list(OBSERVATIONS)
    assert finding["properties"]["laterality"]["anyOf"][1] == {"type": "null"}
    assert_fits(ANSWER, schema)


def assert_fits(value, schema):
    if "anyOf" in schema:
        schema = schema["anyOf"][value is None]
    kind = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}[schema["type"]]
    assert isinstance(value, kind)
    assert value in schema.get("enum", [value])
    if kind is dict:
        assert schema["additionalProperties"] is False
        assert list(value) == schema["required"] == list(schema["properties"])
        for name, child in value.items():
            assert_fits(child, schema["properties"][name])
    for child in value if kind is list else ():
        assert_fits(child, schema["items"])
