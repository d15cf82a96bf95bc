"""What phantom studies show of each observation: its side, its grade, and its course from one study to the next.

The truth is what is in the image, faint findings included, whatever the report says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from medxpert.ontology import OBSERVATIONS, PATHOLOGIES
from medxpert.phantom.findings import kinds
from medxpert.reporting import Severity, Side

GRADES: tuple[Severity, ...] = ("mild", "moderate", "severe")
PARTS: Mapping[str, frozenset[str]] = {
    "Lung Opacity": frozenset({"Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"}),
    "Consolidation": frozenset({"Pneumonia"}),
    "Enlarged Cardiomediastinum": frozenset({"Cardiomegaly"}),
}
"""Observations that include others (the tree of Irvin et al., AAAI 2019)."""

Findings = tuple[Mapping[str, Any], ...]
"""As in `Scene.to_json`."""


class Film(NamedTuple):
    """One study as its generator knows it."""

    study_id: str
    patient_id: str
    findings: Findings

    def shown(self, observation: str) -> Findings:
        """Return the findings of one observation."""
        return tuple(one for one in self.findings if one["observation"] == observation)

    @property
    def pathologies(self) -> tuple[str, ...]:
        """Observations that it shows, devices left out, in the order of `ontology.OBSERVATIONS`."""
        names = {one["observation"] for one in self.findings}
        return tuple(name for name in PATHOLOGIES if name in names)

    def is_clear(self, observation: str) -> bool:
        """Tell whether an observation has one answer: where a part shows, yes and no to the whole would be right."""
        return not PARTS.get(observation, frozenset()) & set(self.pathologies)


def films_of(study_ids: Sequence[str], patient_ids: Sequence[str], truths: Sequence[Mapping[str, Any]]) -> list[Film]:
    """Return N studies as films, from `Study.truth` of each."""
    rows = zip(study_ids, patient_ids, truths, strict=True)
    return [Film(study, patient, tuple(truth["image"]["findings"])) for study, patient, truth in rows]


def pairs_of(films: Sequence[Film]) -> list[tuple[Film, Film]]:
    """Return each study with every earlier one of the same patient, the earlier first; films are in order of time."""
    earlier: dict[str, list[Film]] = {}
    pairs = []
    for film in films:
        own = earlier.setdefault(film.patient_id, [])
        pairs += [(before, film) for before in own]
        own.append(film)
    return pairs


def side_of(findings: Findings) -> Side:
    """Return the side of all findings of one observation together; "" for none."""
    sides: set[Side] = {one["side"] for one in findings} - {""}
    return "bilateral" if len(sides) > 1 else next(iter(sides), "")


def grade_of(findings: Findings) -> Severity:
    """Return the highest grade of the findings of one observation of three grades; "" where there is none."""
    highest = max((one["severity"] for one in findings), default=0)
    return GRADES[highest - 1] if highest else ""


def course_of(before: Findings, now: Findings) -> str:
    """Return the course of one observation; "" where it has none that everybody would agree on.

    What is on both films has a course where the same findings are: worse where one has a higher grade and none a lower
    one, and so on. Where one of two nodules is gone, or a finding only became easier to see, there is none.
    """
    if not (before and now):
        return "new" if now else "resolved" if before else "unchanged"
    old, new = ({(one["kind"], one["seed"]): one for one in findings} for findings in (before, now))
    if old.keys() != new.keys():
        return ""
    steps = {int(np.sign(new[key]["severity"] - old[key]["severity"])) for key in old}
    if steps == {0}:
        return "unchanged" if all(old[key]["faint"] == new[key]["faint"] for key in old) else ""
    return "" if {-1, 1} <= steps else "worse" if 1 in steps else "better"


@lru_cache(maxsize=1)
def graded() -> tuple[str, ...]:
    """Return the observations of three grades."""
    names = {kind["observation"] for kind in kinds().values() if len(kind.get("severities", ())) == len(GRADES)}
    return tuple(name for name in OBSERVATIONS if name in names)


@lru_cache(maxsize=1)
def sided() -> tuple[str, ...]:
    """Return the pathologies that may be on one side only."""
    names = {kind["observation"] for kind in kinds().values() if "left" in kind.get("sides", ())}
    return tuple(name for name in PATHOLOGIES if name in names)
