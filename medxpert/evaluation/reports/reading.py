"""What reports say, read from their text for every contender alike, and what is true of the studies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.calibration.reports import read_reports, united
from medxpert.cases import Cases, encode_labels
from medxpert.evaluation.parts.reference import reference_labels
from medxpert.evidence.calibrated import SEVERITIES, SIDES
from medxpert.labeler import label_report
from medxpert.metrics.agreement import Said
from medxpert.ontology import OBSERVATIONS


def said_by(texts: Sequence[str]) -> Said:
    """Read N reports: labels with positive over uncertain over negative, sides and severities of what they name."""
    labels = np.array([_labels(text) for text in texts], np.int8).reshape(len(texts), len(OBSERVATIONS))
    placed = read_reports(texts)
    return Said(labels, placed.sides, placed.severities)


def _labels(text: str) -> list[int]:
    return encode_labels({name: value for name, value in label_report(text).items() if value is not None})


def truth_of(cases: Cases) -> Said:
    """Return what is true of N studies: of the image where a generator knows it, else what their reports say.

    Several findings of one observation unite their sides and have the highest of their severities. A grade counts where
    the generator's own word for it is one whose severity is known ("moderate"; not "coarse").
    """
    labels, own = reference_labels(cases), read_reports(cases.texts)
    sides, severities = own.sides.copy(), own.severities.copy()
    for row, truth in enumerate(cases.truths):
        if truth:
            sides[row], severities[row] = _shown(truth["image"]["findings"])
    return Said(labels, sides, severities)


def _shown(findings: Iterable[Mapping[str, Any]]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    sides, severities = (np.full(len(OBSERVATIONS), -1, np.int8) for _ in range(2))
    for finding in findings:
        place = OBSERVATIONS.index(finding["observation"])
        if finding["side"]:
            sides[place] = united(int(sides[place]), SIDES.index(finding["side"]))
        severities[place] = max(severities[place], _grade(finding["kind"], finding["severity"]))
    return sides, severities


def _grade(kind: str, severity: int) -> int:
    """Return the place in SEVERITIES of a generator's grade; -1 where its word says none."""
    words = _words()[0].get(kind)
    word = words[severity - 1][0] if words and severity else ""
    return SEVERITIES.index(_words()[1][word]) if word in _words()[1] else -1


@cache
def _words() -> tuple[Mapping[str, Sequence[Sequence[str]]], Mapping[str, str]]:
    """Return kind -> its words by grade, and word -> severity."""
    phrases = json.loads(files("medxpert.phantom").joinpath("phrases.json").read_text("utf-8"))
    places = json.loads(files("medxpert.mentions").joinpath("places.json").read_text("utf-8"))
    return phrases["severity"], {word: name for name, words in places["severities"].items() for word in words}
