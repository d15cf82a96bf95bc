"""The rule that turns probabilities into statuses, with side, severity and the cases that agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.evidence.calibrated import SEVERITIES, SIDES, Calibration, Floats, Readout, likelihoods, sigmoid
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, PATHOLOGIES, POSITIVE, UNCERTAIN
from medxpert.reporting import Status, Verdict
from medxpert.words import Hit

_SURE, _SURE_NOT = 0.6, 0.1
"""Two sources contradict each other where one says at least this and the other at most that."""
_AGREEING = {"present": (POSITIVE,), "uncertain": (POSITIVE, UNCERTAIN), "absent": (NEGATIVE,)}
"""Status -> labels of the cases that are cited for it."""


@dataclass(frozen=True)
class Rule:
    """Turns the probability p that an observation is there into a status.

    present from `present` on, else uncertain from `uncertain` on, else absent up to `absent`. In between, and where
    nothing speaks of an observation, nothing is said. Where two sources contradict each other (one at 60 % or more,
    the other at 10 % or less), present becomes uncertain unless p reaches the midpoint of `present` and 1.

    Raises:
        ConfigError: not 0 <= absent <= uncertain <= present <= 1.
    """

    present: float = 0.4
    uncertain: float = 0.2
    absent: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.absent <= self.uncertain <= self.present <= 1:
            found = f"absent={self.absent} uncertain={self.uncertain} present={self.present}"
            raise ConfigError(f"rule: expected 0 <= absent <= uncertain <= present <= 1, found {found}; change rule.*")

    def status(self, probability: float | None, contradictory: bool = False) -> Status | Literal[""]:
        """Return the status; "" where nothing is to be said."""
        if probability is None:
            return ""
        if probability >= (self._firmly if contradictory else self.present):
            return "present"
        if probability >= self.uncertain:
            return "uncertain"
        return "absent" if probability <= self.absent else ""

    @property
    def _firmly(self) -> float:
        return (1 + self.present) / 2


def verdicts(
    calibration: Calibration,
    rule: Rule,
    log_odds: Mapping[str, Floats],
    hits: Sequence[Hit],
    vector: NDArray[np.floating] | None = None,
) -> tuple[Verdict, ...]:
    """Say what the evidence of one case comes to, one verdict per observation.

    No Finding is present only where its own probability says so and no pathology is present or uncertain; it is never
    uncertain or absent.

    Args:
        calibration: of the run.
        rule: from probabilities to words.
        log_odds: source -> [1, 14], as `Calibration.log_odds` returns them.
        hits: the cases that voted, best first.
        vector: [D] of the image; without one no side and no severity is told.
    """
    whole = calibration.combined(log_odds)[0]
    own = {name: sigmoid(odds)[0] for name, odds in log_odds.items()}
    sides = _classes(calibration.sides, calibration, vector, SIDES)
    severities = _classes(calibration.severities, calibration, vector, SEVERITIES)
    found = []
    for place, name in enumerate(OBSERVATIONS):
        scores = {source: round(float(p[place]), 4) for source, p in own.items() if np.isfinite(p[place])}
        probability = round(float(whole[place]), 4) if np.isfinite(whole[place]) else None
        contradictory = bool(scores) and max(scores.values()) >= _SURE and min(scores.values()) <= _SURE_NOT
        status = rule.status(probability, contradictory)
        told = Verdict(name, status, probability, scores=scores, contradictory=contradictory)
        told = replace(told, sides=sides[place], severities=severities[place])
        if status in ("present", "uncertain"):
            side = _stated(told.sides, calibration.sides.bound[place])
            severity = _stated(told.severities, calibration.severities.bound[place])
            told = replace(told, laterality=side, severity=severity)
        found.append(told)
    return tuple(_cited(one, hits) for one in _consistent(found))


def _classes(
    readout: Readout, calibration: Calibration, vector: NDArray[np.floating] | None, names: Sequence[str]
) -> list[dict[str, float]]:
    """Return the probability of each class by observation; empty where nothing is known."""
    if vector is None:
        return [{} for _ in OBSERVATIONS]
    rows = likelihoods(readout, calibration.standard(vector[None]))[0]
    return [
        {name: round(float(one), 4) for name, one in zip(names, row, strict=True)} if np.isfinite(row).all() else {}
        for row in rows
    ]


def _stated(likely: Mapping[str, float], bound: float) -> Any:
    """Return the likeliest class where it reaches its bound, else ""."""
    best = max(likely, key=lambda name: likely[name], default="")
    return best if best and likely[best] >= bound else ""


def _consistent(found: Sequence[Verdict]) -> list[Verdict]:
    abnormal = any(one.observation in PATHOLOGIES and one.status in ("present", "uncertain") for one in found)
    return [
        replace(one, status="") if one.observation == NO_FINDING and (abnormal or one.status != "present") else one
        for one in found
    ]


def _cited(told: Verdict, hits: Sequence[Hit]) -> Verdict:
    """Name the cases whose labels agree, the nearest first, each once."""
    if not told.status:
        return told
    values = _AGREEING[told.status]
    agreeing = [hit.study_id for hit in hits if _label(hit, told.observation) in values]
    return replace(told, cases=tuple(dict.fromkeys(agreeing)))


def _label(hit: Hit, observation: str) -> int | None:
    """Return a case's label; a case without findings denies every pathology that it does not mention."""
    if observation in hit.labels:
        return hit.labels[observation]
    return NEGATIVE if hit.labels.get(NO_FINDING) == POSITIVE and observation in PATHOLOGIES else None
