"""What became of each observation between two images of one patient, from the evidence of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np

from medxpert.evidence.calibrated import SEVERITIES, Floats
from medxpert.ontology import NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES
from medxpert.reporting import Change, Course, Verdict

COURSES: tuple[Course, ...] = get_args(Course)
CHANGED: tuple[Course, ...] = tuple(course for course in COURSES if course != "unchanged")
COMPARED: tuple[str, ...] = tuple(name for name in OBSERVATIONS if name != NO_FINDING)

PERSISTENCE = 6.0
"""How much likelier it is that both images show an observation than if they were of two patients."""
SAME_GRADE = 1.5
"""How much likelier than a change it is that both then show the same severity, beside what two patients would show."""
CAUTION = 4.0
"""How much worse it is to miss a change than to name one that is none: one is named from about 20 % on, which is from
where an observation is called uncertain, too."""
_BY_PRESENCE: Mapping[tuple[bool, bool], Course] = {
    (False, True): "new",
    (True, False): "resolved",
    (False, False): "unchanged",
}


def changes(before: Sequence[Verdict], now: Sequence[Verdict]) -> tuple[Change, ...]:
    """Say what became of each observation but No Finding, in the order of `ontology.OBSERVATIONS`.

    What each image shows follows from its own evidence, severities included; but images of one patient are alike, so
    that it weighs 6 times as much that both show an observation, and among their severities 1.5 times as much that
    these are equal, as it would in images of two patients. The factors are near the least log loss on consecutive
    validation studies of the phantom (0.18 nats; 0.21 without them). An observation without severities, as support
    devices are, is never worse or better.

    The course that is named is the one whose probability, times 4 unless it is "unchanged", is the greatest. Its
    probability may be small: that of the likeliest of several changes.

    Args:
        before: verdicts on the prior image, one per observation.
        now: verdicts on the current image, likewise.
    """
    earlier, later = ({one.observation: one for one in told} for told in (before, now))
    return tuple(_change(earlier[name], later[name]) for name in COMPARED if name in earlier and name in later)


def _change(before: Verdict, now: Verdict) -> Change:
    if before.probability is None or now.probability is None:
        return Change(now.observation, "", None, {}, before, now)
    weights = _present(before, now)
    for shown, course in _BY_PRESENCE.items():
        weights[course] += _odds(before.probability, shown[0]) * _odds(now.probability, shown[1])
    whole = sum(weights.values())
    likely = {course: round(weight / whole, 4) for course, weight in weights.items()}
    named = max(CHANGED, key=lambda course: likely[course])
    if CAUTION * likely[named] <= likely["unchanged"]:
        named = "unchanged"
    return Change(now.observation, named, likely[named], likely, before, now)


def _odds(probability: float, present: bool) -> float:
    return probability if present else 1 - probability


def _present(before: Verdict, now: Verdict) -> dict[Course, float]:
    """Weigh the courses of what both images show."""
    weights = dict.fromkeys(COURSES, 0.0)
    both = PERSISTENCE * (before.probability or 0) * (now.probability or 0)
    if now.observation == SUPPORT_DEVICES or not (before.severities and now.severities):
        return weights | {"unchanged": both}
    joint = both * np.outer(_grades(before), _grades(now))
    worse, better = float(np.triu(joint, 1).sum()), float(np.tril(joint, -1).sum())
    same = SAME_GRADE * float(np.trace(joint))
    fair = both / (worse + better + same) if both else 0.0
    return weights | {"worse": fair * worse, "better": fair * better, "unchanged": fair * same}


def _grades(verdict: Verdict) -> Floats:
    """Return the probabilities of mild, moderate and severe, [3]."""
    return np.array([verdict.severities.get(grade, 0.0) for grade in SEVERITIES])
