"""What the evaluation of one split yields: figures for metrics.json, and what plots and lists are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.metrics.retrieval import Ranked
from medxpert.metrics.statistics import DRAWS, Intervals
from medxpert.ontology import MISSING
from medxpert.text import normalise
from medxpert.words import Stage

ADAPTED: Stage = "adapted"
PIXEL, ORACLE = "pixel", "oracle"
INTERVALS = f"95 % percentile bootstrap over patients, {DRAWS:,} draws; differences are paired"

Measured = dict[tuple[str, ...], dict[str, Any]]
"""Place in metrics.json, such as ("adapted", "test"), -> the figures that stand there."""


class Vectors(NamedTuple):
    """N studies in one space, by whatever placed them there."""

    image: NDArray[np.floating]
    """[N, D] unit rows."""
    text: NDArray[np.floating]
    """[N, D] unit rows."""


@dataclass(frozen=True)
class SplitResult:
    """One split, measured.

    Attributes:
        split: its name.
        kind: "report" where images and reports are retrieved, "prompt" where texts were written from labels.
        cases: its N studies.
        starting: stage of the weights that training started from.
        vectors: contender -> its rows: the starting stage, "adapted", and the baselines "pixel" and "oracle".
        ranked: contender -> its ranks; empty for prompts.
        measured: what goes into metrics.json.
    """

    split: str
    kind: Literal["report", "prompt"]
    cases: Cases
    starting: Stage
    vectors: Mapping[str, Vectors]
    ranked: Mapping[str, Sequence[Ranked]]
    measured: Measured

    @property
    def scopes(self) -> list[str]:
        """Names of the measured query sets: the split, and its abnormal studies where labels tell them."""
        return [name for name in (self.split, abnormal_scope(self.split)) if (ADAPTED, name) in self.measured]

    def figures(self, contender: str, scope: str) -> dict[str, Any]:
        """Return a contender's figures, empty where it was not measured."""
        return self.measured.get(place(contender, scope), {})

    def gains(self, over: str, scope: str) -> dict[str, Any]:
        """Return the paired differences of the adapted weights and another contender."""
        return self.measured.get(gain_place(over, scope), {})


def abnormal_scope(split: str) -> str:
    """Name the abnormal queries of a split."""
    return f"{split}_abnormal"


def place(contender: str, scope: str) -> tuple[str, ...]:
    """Return where a contender's figures stand in metrics.json."""
    return ("baselines", contender, scope) if contender in (PIXEL, ORACLE) else (contender, scope)


def gain_place(over: str, scope: str) -> tuple[str, ...]:
    """Return where the gains over another contender stand in metrics.json."""
    return ("differences", f"{ADAPTED}-{over}", scope)


def described(cases: Cases) -> dict[str, Any]:
    """Count what the figures of a split rest on, as JSON values."""
    return {
        "studies": len(cases),
        "patients": len(set(cases.patient_ids)),
        "unique_texts": len({normalise(text) for text in cases.texts}),
        "abnormal": int(cases.abnormal.sum()) if is_labelled(cases) else None,
        "sections": dict(Counter(cases.column("section")).most_common()),
        "images": sum(cases.column("images")),
        "views": dict(Counter(view or "unknown" for view in cases.column("view")).most_common()),
        "intervals": INTERVALS,
    }


def is_labelled(cases: Cases) -> bool:
    """Tell whether any observation of any study is known."""
    return bool((cases.labels != MISSING).any())


def named_intervals(names: Sequence[str], intervals: Intervals) -> dict[str, dict[str, float]]:
    """Name intervals as JSON values, without those that could not be estimated."""
    return {
        name: cell
        for name, cell in zip(names, intervals.named(), strict=True)
        if np.isfinite(list(cell.values())).all()
    }
