"""What a reader study asks: which cases, whose reports, how many of them twice; cases are drawn from a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from medxpert.cases import Cases
from medxpert.errors import ConfigError, DataError

REFERENCE, ASSISTANT, NEAREST, CAPTION = "reference", "assistant", "nearest", "caption"
SOURCES: Mapping[str, str] = {
    REFERENCE: "the study's own report",
    ASSISTANT: "the report that the assistant drafts for the image",
    NEAREST: "the report of the training study with the most similar image",
    CAPTION: "what the run's captioner writes",
}
"""Sources that a run offers, with what they are."""
SIMULATED = "simulated"
"""Key of a design whose readers are no people."""
MOST_CASES = 500
ORDER = (
    "cases in an order drawn per two readers, reversed for the second; reports of a case one after the other, their "
    "sources by a balanced Latin square; repetitions at the end"
)


@dataclass(frozen=True)
class Plan:
    """What the coordinator decides.

    Attributes:
        name: of the study.
        split: of the run, that cases are drawn from.
        num_cases: drawn, one per patient.
        abnormal_share: of the cases, as far as there are as many.
        sources: of `SOURCES`, that the run gives; others may be imported.
        repeat_share: of the reports, that a reader gets twice.
        pause_minutes: a longer silence leaves a report out of the analysis of time.
        seed: of the draw and of all orders.

    Raises:
        ConfigError: a value is out of range.
    """

    name: str
    split: str = "test"
    num_cases: int = 20
    abnormal_share: float = 0.6
    sources: tuple[str, ...] = (REFERENCE, ASSISTANT, NEAREST)
    repeat_share: float = 0.1
    pause_minutes: float = 5
    seed: int = 0

    def __post_init__(self) -> None:
        strange = [name for name in self.sources if name not in SOURCES]
        faults = (
            (not self.name.strip(), "the study has no name; give it one"),
            (self.split == "train", "cases of split train are the evidence itself; choose val or test"),
            (not 2 <= self.num_cases <= MOST_CASES, f"{self.num_cases} cases: expected 2 to {MOST_CASES}"),
            (not 0 <= self.abnormal_share <= 1, f"share of abnormal cases {self.abnormal_share}: expected 0 to 1"),
            (not 0 <= self.repeat_share <= 0.5, f"share of repetitions {self.repeat_share}: expected 0 to 0.5"),
            (self.pause_minutes <= 0, f"a pause of {self.pause_minutes} minutes: expected more than 0"),
            (bool(strange), f"source {', '.join(strange)}: expected some of {', '.join(SOURCES)}"),
        )
        for is_fault, message in faults:
            if is_fault:
                raise ConfigError(f"reader study: {message}")


class Candidates(NamedTuple):
    """Rows of a cases table in the order in which they are tried, one per patient."""

    abnormal: Sequence[int]
    normal: Sequence[int]


def candidates(cases: Cases, seed: int) -> Candidates:
    """Order the patients of a split at random and draw one study of each."""
    generator = np.random.default_rng(seed)
    # a study without a patient is its own
    owners = [patient or f"study {study}" for patient, study in zip(cases.patient_ids, cases.study_ids, strict=True)]
    rows_of: dict[str, list[int]] = {}
    for row, owner in enumerate(owners):
        rows_of.setdefault(owner, []).append(row)
    patients = [list(rows_of)[place] for place in generator.permutation(len(rows_of))]
    drawn = [int(generator.choice(rows_of[patient])) for patient in patients]
    abnormal = cases.abnormal
    return Candidates([row for row in drawn if abnormal[row]], [row for row in drawn if not abnormal[row]])


def quotas(plan: Plan, offered: Candidates) -> tuple[int, int]:
    """Return how many abnormal and normal cases to draw; what one kind lacks, the other gives.

    Raises:
        DataError: the split has fewer patients than cases are asked for.
    """
    there = len(offered.abnormal) + len(offered.normal)
    if there < plan.num_cases:
        raise DataError(
            f"split {plan.split} has {there} patients, one case each; expected {plan.num_cases}: ask for fewer cases"
        )
    wanted = min(round(plan.abnormal_share * plan.num_cases), len(offered.abnormal))
    normal = min(plan.num_cases - wanted, len(offered.normal))
    return plan.num_cases - normal, normal


def document(plan: Plan, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the design as JSON values: the plan, and what else is fixed when a study is opened."""
    return {"plan": asdict(plan) | {"sources": list(plan.sources)}, "order": ORDER, **about}


def digest(design: Mapping[str, Any]) -> str:
    """Return the sha256 of a design, the same for equal designs."""
    return hashlib.sha256(json.dumps(design, sort_keys=True, allow_nan=False).encode()).hexdigest()


def plan_of(values: Mapping[str, Any]) -> Plan:
    """Return the plan that `document` made values of."""
    return Plan(**{**values, "sources": tuple(values["sources"])})
