"""Reports: what a careful reader would write about a scene, with varied wording, hedges and negatives.

A statement holds what its sentence says and no more: the slots of the template that was drawn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from medxpert.ontology import NEGATIVE, NO_FINDING, POSITIVE, SUPPORT_DEVICES, UNCERTAIN, is_abnormal
from medxpert.phantom.findings import PhantomFinding
from medxpert.phantom.scene import Scene

T = TypeVar("T")

_NO_IMPRESSION, _NO_FINDINGS = 0.06, 0.10
_WHOLE_NORMAL = 0.55
_HEDGE_FAINT, _HEDGE_CLEAR = 0.9, 0.03
_OVERLOOKED_FAINT = 0.10
_MENTION_VARIANT = 0.75
_NEGATIVES_FIRST = 0.3


@dataclass(frozen=True)
class Statement:
    """What one sentence says about one finding; empty or 0 where it says nothing."""

    kind: str
    observation: str
    side: str
    zone: str
    severity: int
    uncertain: bool


@dataclass
class Section:
    """One section in the making: its sentences, what they state, and what they deny."""

    sentences: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    variants: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The section as it is printed."""
        return " ".join(self.sentences)

    def to_json(self) -> dict[str, Any]:
        """Return what the section says as plain JSON values."""
        return {
            "findings": [dict(vars(statement)) for statement in self.statements],
            "variants": list(self.variants),
            "denied": list(self.denied),
        }


@dataclass(frozen=True)
class PhantomReport:
    """A report and what it says."""

    findings: Section
    impression: Section

    @property
    def labels(self) -> dict[str, int]:
        """What the report says of each observation: 1, 0 or -1; names not mentioned are absent."""
        sections = (self.findings, self.impression)
        labels = {name: NEGATIVE for section in sections for name in section.denied}
        statements = [statement for section in sections for statement in section.statements]
        labels.update({s.observation: UNCERTAIN for s in statements if s.uncertain})
        labels.update({s.observation: POSITIVE for s in statements if not s.uncertain})
        if not is_abnormal(labels):
            labels[NO_FINDING] = POSITIVE
        return labels

    def to_json(self) -> dict[str, Any]:
        """Return what the report's longest section says, and which one it is, as plain JSON values."""
        longest = max(("findings", "impression"), key=lambda name: len(getattr(self, name).text))
        return {"section": longest, **getattr(self, longest).to_json()}


class _Dice:
    """Cheap draws from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._parts = iter(rng.random(256).tolist())

    def part(self) -> float:
        return next(self._parts)

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.part() * len(items))]

    def weighted(self, rows: Sequence[Sequence[Any]]) -> Sequence[Any]:
        left = self.part() * sum(row[0] for row in rows)
        for row in rows:
            left -= row[0]
            if left < 0:
                return row
        return rows[-1]


@lru_cache(maxsize=2)
def _phrases(grammar: str) -> Mapping[str, Any]:
    return json.loads((Path(__file__).parent / grammar).read_text(encoding="utf-8"))


def write_report(scene: Scene, rng: np.random.Generator) -> PhantomReport:
    """Write the report of one scene in the words of its look, from what is visible only."""
    dice = _Dice(rng)
    writer = _Writer(_phrases(scene.look.grammar), dice)
    seen = [f for f in scene.findings if not (f.faint and dice.part() < _OVERLOOKED_FAINT)]
    uncertain = {f.kind for f in seen if dice.part() < (_HEDGE_FAINT if f.faint else _HEDGE_CLEAR)}
    findings = writer.findings(scene, seen, uncertain)
    impression = writer.impression(seen, uncertain)
    missing = dice.part()
    if missing < _NO_IMPRESSION:
        impression = Section()
    elif missing < _NO_IMPRESSION + _NO_FINDINGS:
        findings = Section()
    return PhantomReport(findings, impression)


class _Writer:
    """Puts findings into the words of one grammar."""

    def __init__(self, phrases: Mapping[str, Any], dice: _Dice) -> None:
        self._phrases = phrases
        self._dice = dice

    def findings(self, scene: Scene, seen: Sequence[PhantomFinding], uncertain: set[str]) -> Section:
        section, dice = Section(), self._dice
        devices_last = dice.part() < 0.3
        ordered = sorted(seen, key=lambda finding: (finding.observation == SUPPORT_DEVICES) == devices_last)
        for finding in ordered:
            self._state(section, finding, "present", finding.kind in uncertain)
        for name in scene.variants:
            if dice.part() < _MENTION_VARIANT:
                section.variants.append(name)
                section.sentences.append(dice.pick(self._phrases["variants"][name]))
        stated = len(section.sentences)
        if not scene.findings and dice.part() < _WHOLE_NORMAL:
            _, text, denied = dice.weighted(self._phrases["normal_findings"])
            section.sentences.append(text)
            section.denied.extend(denied)
        else:
            self._deny(section, {finding.observation for finding in scene.findings})
        if dice.part() < _NEGATIVES_FIRST:
            section.sentences = section.sentences[stated:] + section.sentences[:stated]
        return section

    def impression(self, seen: Sequence[PhantomFinding], uncertain: set[str]) -> Section:
        section, dice = Section(), self._dice
        pathologies = [f for f in seen if f.observation != SUPPORT_DEVICES]
        if not seen or (not pathologies and dice.part() < 0.6):
            section.sentences.append(dice.weighted(self._phrases["normal_impression"])[1])
            return section
        if not pathologies:
            section.sentences.append(dice.pick(self._phrases["quiet_impression"]))
        for finding in pathologies[:3]:
            self._state(section, finding, "impression", finding.kind in uncertain)
        return section

    def _state(self, section: Section, finding: PhantomFinding, wording: str, uncertain: bool) -> None:
        """Add one sentence that states a finding; wording is "present" or "impression"."""
        phrases = self._phrases
        uncertain = uncertain and finding.kind in phrases["possible"]
        if uncertain:
            wording = "possible"
        elif finding.side == "bilateral" and finding.kind in phrases["bilateral"]:
            wording = "bilateral"
        template = self._dice.pick(phrases[wording][finding.kind])
        slots = set(re.findall(r"{(\w+)}", template))
        section.sentences.append(self._sentence(template, finding))
        section.statements.append(
            Statement(
                kind=finding.kind,
                observation=finding.observation,
                side=finding.side if "side" in slots or finding.side == "bilateral" else "",
                zone=finding.zone if slots & {"zone", "zones"} else "",
                severity=finding.severity if slots & {"severity", "severely"} else 0,
                uncertain=uncertain,
            )
        )

    def _sentence(self, template: str, finding: PhantomFinding) -> str:
        phrases = self._phrases
        grades = phrases["severity"].get(finding.kind)
        severity, severely = grades[finding.severity - 1] if grades else ("", "")
        prefix = {"rib_fracture": "rib_", "interstitial": "net_"}.get(finding.kind, "")
        zone = self._dice.pick(phrases["zone"][prefix + finding.zone]) if finding.zone else ""
        plural = "s" if finding.side == "bilateral" else ""
        text = template.format(
            severity=severity, severely=severely, side=finding.side, zone=zone, zones=zone + "s", s=plural
        )
        return text[0].upper() + text[1:]

    def _deny(self, section: Section, visible: set[str]) -> None:
        """Add negatives about observations that are not visible, the usual ones first."""
        for name, rate in self._phrases["denial_rates"].items():
            fitting = (row for row in self._phrases["negatives"] if name in row["denies"])
            rows = [row for row in fitting if _fits(row, visible, section)]
            if rows and self._dice.part() < rate:
                row = self._dice.pick(rows)
                section.sentences.append(row["text"])
                section.denied.extend(row["denies"])


def _fits(row: Mapping[str, Any], visible: set[str], section: Section) -> bool:
    absent = {*row["denies"], *row.get("absent", ())}
    return not absent & visible and not set(row["denies"]) & set(section.denied)
