import collections
import re

import pytest

from medxpert.mentions.lexicon import entries, expand, load, plural, vocabulary
from medxpert.ontology import PATHOLOGIES, SUPPORT_DEVICES


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("effusion", {"effusion"}),
        ("(small |)effusion", {"small effusion", "effusion"}),
        ("<be> (not|never) seen", {"is not seen", "is never seen", "was not seen", "was never seen"}),
        ("(<be> |)absent", {"is absent", "was absent", "absent"}),
        ("no ((very |)small|large) nodule", {"no very small nodule", "no small nodule", "no large nodule"}),
        ("(", {"("}),
    ],
)
def test_a_phrase_stands_for_its_alternatives(phrase, expected):
    assert {" ".join(words) for words in expand(phrase, {"be": ["is", "was"]})} == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("opacity", "opacities"), ("mass", "masses"), ("x ray", "x rays"), ("fracture", "fractures")]
)
def test_plurals_are_regular(word, expected):
    assert plural(word) == expected


def test_no_phrase_has_two_meanings():
    meanings = collections.defaultdict(set)
    for words, entry in entries():
        meanings[words].add((entry.kind, entry.observations, entry.value, entry.state, entry.organ.observation))
    assert {words: found for words, found in meanings.items() if len(found) > 1} == {}


def test_every_observation_has_findings_and_every_state_an_organ():
    known = list(entries())
    assert {name for _, entry in known for name in entry.observations} == {*PATHOLOGIES, SUPPORT_DEVICES}
    states = {entry.state for _, entry in known if entry.kind == "state"}
    organs = load("organs.json")["organs"].values()
    assert {state for organ in organs for state in organ["values"]} == states


def test_the_vocabulary_is_that_of_all_word_sequences():
    assert vocabulary() == {part for words, _ in entries() for word in words for part in re.findall("[a-z]+", word)}
