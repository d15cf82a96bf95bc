"""Reports that need no writing: copied from a similar case, drawn at random, always normal, or told by the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from medxpert.evaluation.reports.written import text_of
from medxpert.evaluation.subject import Subject
from medxpert.evidence.calibrated import SEVERITIES, SIDES
from medxpert.metrics.agreement import Said
from medxpert.metrics.scores import top_k
from medxpert.ontology import NO_FINDING, OBSERVATIONS, POSITIVE
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Verdict

NEAREST, NEAREST_TEXT, NEAREST_START = "nearest", "nearest text", "nearest, start"
RANDOM, NORMAL, ORACLE = "random", "all normal", "oracle"
TOLD = (
    "nearest: the report of the training study with the nearest image, by the same weights and by the starting ones; "
    "nearest text: the training report nearest to the image, by the same weights; "
    "oracle: the truth in the template's words; liar: ours with one planted assertion a study"
)


def baseline_texts(subject: Subject, truth: Said, seed: int = 0) -> Mapping[str, Sequence[str]]:
    """Return contender -> N reports; those that copy are absent where there are no training studies."""
    texts: dict[str, Sequence[str]] = {}
    count = len(subject.cases)
    if subject.train is not None:
        known = subject.train.cases.texts
        copied = ((NEAREST, subject.main, 0), (NEAREST_TEXT, subject.main, 1), (NEAREST_START, subject.starting, 0))
        for name, stage, side in copied:
            if stage is not None and stage in subject.train.vectors:
                near = top_k(subject.vectors[stage].image, subject.train.vectors[stage][side], 1)
                texts[name] = [known[row] for row in near.rows[:, 0]]
        drawn = np.random.default_rng(seed).integers(len(known), size=count)
        texts[RANDOM] = [known[row] for row in drawn]
    texts[NORMAL] = [_written({NO_FINDING: Verdict(NO_FINDING, "present")})] * count
    texts[ORACLE] = [_told(truth, row) for row in range(count)]
    return texts


def _told(truth: Said, row: int) -> str:
    return _written(
        {
            name: Verdict(
                name,
                "present",
                laterality=SIDES[truth.sides[row, place]] if truth.sides[row, place] >= 0 else "",
                severity=SEVERITIES[truth.severities[row, place]] if truth.severities[row, place] >= 0 else "",
            )
            for place, name in enumerate(OBSERVATIONS)
            if truth.labels[row, place] == POSITIVE
        }
    )


def _written(present: Mapping[str, Verdict]) -> str:
    """Have the template say what is present, and that nothing else is."""
    verdicts = tuple(
        present.get(name) or Verdict(name, "" if name == NO_FINDING else "absent") for name in OBSERVATIONS
    )
    return text_of(TemplateReporter()(Case(verdicts, ())))
