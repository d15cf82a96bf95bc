"""Both grammars have words for everything, and not one sentence in common."""

import json
import re
from pathlib import Path

import pytest

import medxpert.phantom
from medxpert.ontology import OBSERVATIONS, SUPPORT_DEVICES
from medxpert.phantom.findings import kinds
from medxpert.phantom.look import DEFAULT, LOOKS, SHIFT
from medxpert.phantom.patients import draw_patient
from medxpert.text import normalise

FOLDER = Path(medxpert.phantom.__file__).parent
GRAMMARS = {name: json.loads((FOLDER / look.grammar).read_text()) for name, look in LOOKS.items()}
WORDINGS = ("present", "bilateral", "possible", "impression")
SLOTS = {"severity", "severely", "side", "zone", "zones", "s"}


def templates(grammar):
    for wording in WORDINGS:
        for rows in grammar[wording].values():
            yield from rows
    for rows in grammar["variants"].values():
        yield from rows
    yield from (row["text"] for row in grammar["negatives"])
    yield from (row[1] for row in (*grammar["normal_findings"], *grammar["normal_impression"]))
    yield from grammar["quiet_impression"]


def sentences(text):
    return {normalise(part) for part in re.split(r"(?<=\.)\s+", text) if part.strip()}


def plain(text):
    return re.sub(r"\W+", " ", normalise(text)).strip()


def test_no_template_is_in_both():
    first, second = ({plain(text) for text in templates(GRAMMARS[look.name])} for look in (DEFAULT, SHIFT))
    assert len(second) > 150
    assert not first & second


@pytest.mark.slow
def test_no_sentence_is_rendered_by_both():
    said = {}
    for look in (DEFAULT, SHIFT):
        reports = [study.report for patient in range(2500) for study in draw_patient(0, patient, look)]
        texts = {text for report in reports for text in (report.findings.text, report.impression.text)}
        said[look.name] = {plain(sentence) for text in texts for sentence in sentences(text)}
    assert min(map(len, said.values())) > 500
    assert not said["default"] & said["shift"]


@pytest.fixture(params=LOOKS)
def grammar(request):
    return GRAMMARS[request.param]


def test_templates_are_sentences_with_known_slots(grammar):
    for text in templates(grammar):
        assert set(re.findall(r"{(\w+)}", text)) <= SLOTS
        assert text.endswith(".")
        assert text[0] in "{ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_its_words(grammar, kind):
    table = kinds()[kind]
    wordings = ("present",) if table["observation"] == SUPPORT_DEVICES else ("present", "possible", "impression")
    for wording in wordings:
        for text in grammar[wording][kind]:
            slots = set(re.findall(r"{(\w+)}", text))
            assert "side" not in slots or "left" in table["sides"]
            assert not slots & {"zone", "zones"} or "zones" in table
            assert not slots & {"severity", "severely"} or "severities" in table
    if "severities" in table:
        assert len(grammar["severity"][kind]) == len(table["severities"])
    if "bilateral" in table.get("sides", {}) and "left" in table["sides"]:
        assert grammar["bilateral"][kind]


def test_an_adverb_is_there_where_a_sentence_needs_it(grammar):
    for wording in WORDINGS:
        for kind, rows in grammar[wording].items():
            if any("{severely}" in text for text in rows):
                assert all(adverb for _, adverb in grammar["severity"][kind])


def test_grades_have_words_of_their_own(grammar):
    for grades in grammar["severity"].values():
        assert len({word for word, _ in grades}) == len(grades)


def test_both_grammars_deny_the_same_observations(grammar):
    denied = {name for row in grammar["negatives"] for name in row["denies"]}
    assert denied == set(grammar["denial_rates"])
    assert denied <= set(OBSERVATIONS)
