"""Evidence that the tests of questions are answered from."""

from __future__ import annotations

from medxpert.ontology import OBSERVATIONS
from medxpert.reporting import Change, Verdict

LEFT = {"left": 0.8, "right": 0.15, "bilateral": 0.05}
LARGE = {"mild": 0.1, "moderate": 0.2, "severe": 0.7}


def evidence(**changed: Verdict) -> tuple[Verdict, ...]:
    """Return a clear chest but for a large left effusion, a possible nodule, and an unclear pneumonia."""
    told = {name: Verdict(name, "absent", 0.01, cases=("s9",), scores={"probe": 0.01}) for name in OBSERVATIONS}
    told["No Finding"] = Verdict("No Finding", "", 0.05)
    told["Pleural Effusion"] = Verdict(
        "Pleural Effusion",
        "present",
        0.9,
        "left",
        "severe",
        scores={"probe": 0.9, "cases": 0.8},
        cases=("s1", "s2", "s3", "s4"),
        sides=LEFT,
        severities=LARGE,
    )
    told["Lung Lesion"] = Verdict("Lung Lesion", "uncertain", 0.3, cases=("s5",), sides=LEFT, severities=LARGE)
    told["Pneumonia"] = Verdict("Pneumonia", "", 0.12, cases=(), sides=LEFT)
    told |= {one.observation: one for one in changed.values()}
    return tuple(told.values())


def clear() -> tuple[Verdict, ...]:
    """Return a chest without findings."""
    absent = {name: Verdict(name, "absent", 0.01, cases=("s9",), sides=LEFT) for name in OBSERVATIONS}
    return tuple((absent | {"No Finding": Verdict("No Finding", "present", 0.97, cases=("s8",))}).values())


def change(observation: str, course: str, probability: float = 0.7) -> Change:
    """Return what became of an observation that is seen on both images."""
    seen = Verdict(observation, "present", 0.9, cases=("s6",), scores={"probe": 0.9})
    rest = dict.fromkeys(("new", "resolved", "worse", "better", "unchanged"), (1 - probability) / 4)
    return Change(observation, course, probability, rest | {course: probability}, seen, seen)  # type: ignore[arg-type]
