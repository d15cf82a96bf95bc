"""Sentences made from labels, so that sets without reports can train too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from medxpert.ontology import NEGATIVE, NO_FINDING, POSITIVE, UNCERTAIN, observation


def prompt(labels: Mapping[str, int], key: str) -> str:
    """Write what labels say, such as "Cardiomegaly and pleural effusion. Possible pneumonia".

    Positive and uncertain labels are named; negative ones only where there is nothing else to say. The wording
    follows from the key (a study id), the order from the word list, so equal labels give few distinct texts.

    Args:
        labels: a data set's own label name -> 1, 0 or -1; names that `ontology.observation` knows.
        key: chooses among the wordings.

    Returns:
        One to three sentences, or "" when the labels say nothing.
    """
    words = _words()
    choice = hashlib.sha256(key.encode()).digest()[0]
    phrases = {value: _phrases(labels, value) for value in (POSITIVE, UNCERTAIN, NEGATIVE)}
    told = [
        _sentence(words[kind], choice, _join(phrases[value], last))
        for kind, value, last in (("positive", POSITIVE, "and"), ("uncertain", UNCERTAIN, "or"))
        if phrases[value]
    ]
    if told:
        return " ".join(told)
    if any(value == POSITIVE and observation(name) == NO_FINDING for name, value in labels.items()):
        return _sentence(words["normal"], choice, "")
    return _sentence(words["negative"], choice, _join(phrases[NEGATIVE], "or")) if phrases[NEGATIVE] else ""


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = json.loads(files("medxpert.data").joinpath("prompts.json").read_text("utf-8"))
    return words


def _phrases(labels: Mapping[str, int], value: int) -> list[str]:
    """Return the phrases of the labels with this value, each once, in the order of the word list."""
    names = {name.strip().replace("_", " ").lower() for name, found in labels.items() if found == value}
    return list(dict.fromkeys(phrase for name, phrase in _words()["phrases"].items() if name in names))


def _join(phrases: Sequence[str], last: str) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    head, tail = phrases[:-1], phrases[-1]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def _sentence(wordings: Sequence[str], choice: int, phrase: str) -> str:
    sentence = wordings[choice % len(wordings)].format(phrase)
    return sentence[0].upper() + sentence[1:]
