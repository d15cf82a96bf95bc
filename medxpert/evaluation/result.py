"""What the evaluation of one split yields: figures for metrics.json, and what plots and lists are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medxpert.cases import Cases, is_row_id
from medxpert.evaluation.subject import BASELINES, Part, Subject
from medxpert.metrics.retrieval import Ranked
from medxpert.metrics.statistics import DRAWS, Intervals
from medxpert.ontology import MISSING
from medxpert.text import normalise

INTERVALS = f"95 % percentile bootstrap over {{}}, {DRAWS:,} draws; gains are paired"

Measured = dict[tuple[str, ...], dict[str, Any]]
"""Place in metrics.json, such as ("adapted", "test"), -> the figures that stand there."""


@dataclass(frozen=True)
class SplitResult:
    """One split, measured.

    Attributes:
        subject: what was measured.
        ranked: contender -> its ranks; empty where texts were written from labels.
        measured: retrieval figures for metrics.json.
        parts: everything else that was measured.
    """

    subject: Subject
    ranked: Mapping[str, Sequence[Ranked]]
    measured: Measured
    parts: tuple[Part, ...] = ()

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.subject.split

    @property
    def cases(self) -> Cases:
        """Its N studies."""
        return self.subject.cases

    @property
    def main(self) -> str:
        """The contender that the evaluation is about."""
        return self.subject.main

    @property
    def starting(self) -> str | None:
        """The contender that the main one was trained from, where it is known."""
        return self.subject.starting

    @property
    def scopes(self) -> list[str]:
        """Names of the query sets of retrieval: the split, and its abnormal studies where labels tell them."""
        return [name for name in (self.split, abnormal_scope(self.split)) if (self.main, name) in self.measured]

    def figures(self, contender: str | None, scope: str) -> dict[str, Any]:
        """Return a contender's retrieval figures, empty where it was not measured."""
        return self.measured.get(place(contender, scope), {}) if contender else {}

    def gains(self, over: str | None, scope: str) -> dict[str, Any]:
        """Return the paired differences of the main contender and another."""
        return self.measured.get(gain_place(self.main, over, scope), {}) if over else {}

    def part(self, name: str) -> dict[str, Any]:
        """Return the figures of one part, empty where it was not measured."""
        return next((part.figures for part in self.parts if part.place[0] == name), {})

    def documents(self) -> Measured:
        """Return everything for metrics.json."""
        return self.measured | {part.place: part.figures for part in self.parts}


def abnormal_scope(split: str) -> str:
    """Name the abnormal queries of a split."""
    return f"{split}_abnormal"


def place(contender: str, scope: str) -> tuple[str, ...]:
    """Return where a contender's figures stand in metrics.json."""
    return ("baselines", contender, scope) if contender in BASELINES else (contender, scope)


def gain_place(main: str, over: str, scope: str) -> tuple[str, ...]:
    """Return where the gains of the main contender over another stand in metrics.json."""
    return ("differences", f"{main}-{over}", scope)


def described(cases: Cases) -> dict[str, Any]:
    """Count what the figures of a split rest on, as JSON values; patients are null where nobody knows them."""
    known = [one for one in cases.patient_ids if not is_row_id(one)]
    unknown = not known
    return {
        "studies": len(cases),
        "patients": len(set(known)) or None,
        "studies_without_patient": len(cases) - len(known),
        "unique_texts": len({normalise(text) for text in cases.texts}),
        "abnormal": int(cases.abnormal.sum()) if is_labelled(cases) else None,
        "sections": dict(Counter(cases.column("section")).most_common()),
        "images": sum(cases.column("images")),
        "views": dict(Counter(view or "unknown" for view in cases.column("view")).most_common()),
        "intervals": INTERVALS.format("studies, since patients are unknown" if unknown else "patients"),
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
