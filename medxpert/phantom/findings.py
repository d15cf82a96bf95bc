"""What a study shows: findings with side, zone, severity and size, and how they change over a patient's studies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

_FOLDER = Path(__file__).parent
_ZONE_RANGES = {"upper": (0.16, 0.34), "mid": (0.42, 0.58), "lower": (0.68, 0.84)}

FRACTURES = frozenset({"rib_fracture", "clavicle_fracture"})
"""Kinds that break a bone."""

HEALTHY_RATE = 0.36
"""The share of patients who start without any pathology."""


@dataclass(frozen=True)
class PhantomFinding:
    """One abnormality or device on the film.

    Attributes:
        kind: a key of kinds.json.
        observation: the CheXpert observation that it belongs to.
        side: "left", "right", "bilateral" or "".
        zone: "upper", "mid", "lower", "diffuse" or "".
        severity: 1 (mild, small) upward; 0 where it does not apply.
        size: radius or half-length in body units; 0 where it does not apply.
        faint: drawn with half the contrast, so that a careful reader hedges.
        across: fraction of the way from the mediastinum to the chest wall.
        along: fraction of the way from the apex to the dome of the diaphragm.
        seed: of its texture.
    """

    kind: str
    observation: str
    side: str
    zone: str
    severity: int
    size: float
    faint: bool
    across: float
    along: float
    seed: int

    @property
    def sides(self) -> tuple[str, ...]:
        """The lungs it is seen in; both where no side applies."""
        return (self.side,) if self.side in ("left", "right") else ("right", "left")

    @property
    def contrast(self) -> float:
        """How strongly it is drawn, 0..1."""
        return 0.5 if self.faint else 1.0


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Mapping[str, Any]]:
    """Return the table of kinds: their observation and the chances of side, zone, severity and size."""
    return json.loads((_FOLDER / "kinds.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _syndromes() -> Sequence[Mapping[str, Any]]:
    return json.loads((_FOLDER / "syndromes.json").read_text(encoding="utf-8"))


def is_lasting(kind: str) -> bool:
    """Tell whether a finding stays for good once it is there."""
    return bool(kinds()[kind].get("lasting", False))


def pick(chances: Mapping[str, float], part: float) -> str:
    """Return the key on which a uniform part in [0, 1) falls, "" from an empty mapping."""
    part *= sum(chances.values())
    for key, chance in chances.items():
        part -= chance
        if part < 0:
            return key
    return next(reversed(list(chances)), "")


def draw_finding(kind: str, rng: np.random.Generator) -> PhantomFinding:
    """Draw one finding of a kind."""
    table = kinds()[kind]
    side, zone, severity, size, faint, across, along, seed = rng.random(8).tolist()
    zone = pick(table.get("zones", {}), zone)
    top, bottom = _ZONE_RANGES.get(zone, (0.3, 0.75))
    smallest, largest = table.get("size", (0.0, 0.0))
    grades = {str(grade): chance for grade, chance in enumerate(table.get("severities", ()), start=1)}
    return PhantomFinding(
        kind=kind,
        observation=table["observation"],
        side=pick(table.get("sides", {}), side),
        zone=zone,
        severity=int(pick(grades, severity) or 0),
        size=round(smallest + size * (largest - smallest), 4),
        faint=faint < table.get("faint", 0.0),
        across=round(0.32 + 0.40 * across, 4),
        along=round(top + along * (bottom - top), 4),
        seed=int(seed * 2**31),
    )


def draw_course(num_studies: int, rng: np.random.Generator) -> list[tuple[PhantomFinding, ...]]:
    """Draw the pathologies of a patient's studies, in order of time: they persist, grow, resolve, join."""
    course: list[tuple[PhantomFinding, ...]] = []
    current: tuple[PhantomFinding, ...] = ()
    for number in range(num_studies):
        if number:
            current = _evolve(current, rng)
        starts = rng.random() > (HEALTHY_RATE if number == 0 else 0.72)
        if starts:
            current = _join(current, _draw_syndrome(rng))
        course.append(current)
    return course


def _draw_syndrome(rng: np.random.Generator) -> list[PhantomFinding]:
    table = {str(place): syndrome["weight"] for place, syndrome in enumerate(_syndromes())}
    chances = _syndromes()[int(pick(table, rng.random()))]["kinds"]
    drawn = [draw_finding(kind, rng) for kind, chance in chances.items() if rng.random() < chance]
    return drawn or [draw_finding(next(iter(chances)), rng)]


def _join(old: Sequence[PhantomFinding], new: Sequence[PhantomFinding]) -> tuple[PhantomFinding, ...]:
    """Add the findings of new kinds; a kind is on a film once."""
    known = {finding.kind for finding in old}
    return (*old, *(finding for finding in new if finding.kind not in known))


def _evolve(findings: Sequence[PhantomFinding], rng: np.random.Generator) -> tuple[PhantomFinding, ...]:
    kept = []
    for finding in findings:
        part = rng.random()
        lasting = is_lasting(finding.kind)
        if part < 0.30 and not lasting:
            continue
        grades = len(kinds()[finding.kind].get("severities", ()))
        step = 1 if part > 0.85 else -1 if part < 0.50 and not lasting else 0
        severity = min(max(finding.severity + step, 1), grades) if grades else 0
        kept.append(replace(finding, severity=severity, faint=finding.faint and step <= 0))
    return tuple(kept)
