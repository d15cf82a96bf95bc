"""What there is to measure: the reports of every contender on the same studies, and how sure the assistant was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.checker.draft import check
from medxpert.drafting import Drafting
from medxpert.evidence.calibrated import SIDES
from medxpert.gathering import Evidence
from medxpert.gating import Circumstances
from medxpert.indexes.own import Traces
from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Draft, Finding, Verdict

OURS, UNCHECKED = "ours", "unchecked"
LIAR, CAUGHT = "liar", "liar, checked"
TECHNIQUE = "One radiograph."

Floats = NDArray[np.float64]


class Drafts(NamedTuple):
    """The assistant's reports on N studies."""

    checked: list[str]
    """Texts after the checker left out what the evidence does not support."""
    unchecked: list[str]
    """The same before."""
    liar: list[str]
    """What a reporter writes that asserts one more observation on each study than the evidence."""
    caught: list[str]
    """The same after the checker."""
    probabilities: Floats
    """[N, 14] of the evidence; NaN where nothing speaks of an observation."""
    fallbacks: int = 0
    """Reports that the template had to write."""
    fallback_reason: str = ""
    """Of the first of them."""
    reporter: str = "template"
    """Who was asked to write."""


@dataclass(frozen=True)
class Outsiders:
    """How the assistant judges pictures that it should refuse, and those that it should not.

    Attributes:
        scores: family -> [M] scores, higher is stranger.
        fitted: the families that the threshold was fitted with.
        inside: [N] scores of the studies of the split.
        threshold: from which a picture is refused.
    """

    scores: Mapping[str, NDArray[np.floating]]
    fitted: frozenset[str]
    inside: NDArray[np.floating]
    threshold: float


def draft_all(
    vectors: NDArray[np.floating],
    traces: Sequence[Traces],
    evidence: Evidence,
    drafting: Drafting,
    at: Circumstances,
    seed: int = 0,
) -> Drafts:
    """Have a report written on N images at unit rows [N, D], checked and as the reporter wrote it.

    The reporter gets no pixels: a run keeps none of its test studies.
    """
    texts: dict[str, list[str]] = {name: [] for name in (OURS, UNCHECKED, LIAR, CAUGHT)}
    probabilities, reasons, generator = [], [], np.random.default_rng(seed)
    for vector, found in zip(vectors, evidence.of_images(vectors, traces), strict=True):
        case = Case(found.verdicts, found.hits, TECHNIQUE)
        written = drafting.draft(case, at._replace(content=np.ascontiguousarray(vector).tobytes()))
        reasons += [written.fallback_reason] if written.fallback_reason else []
        lies = lying(case, generator)
        for raw, kept, draft in ((UNCHECKED, OURS, written.draft), (LIAR, CAUGHT, lies)):
            texts[raw].append(text_of(draft))
            texts[kept].append(_checked(draft, case))
        probabilities.append([np.nan if one.probability is None else one.probability for one in found.verdicts])
    table = np.array(probabilities, np.float64).reshape(-1, len(OBSERVATIONS))
    return Drafts(
        texts[OURS],
        texts[UNCHECKED],
        texts[LIAR],
        texts[CAUGHT],
        table,
        len(reasons),
        next(iter(reasons), ""),
        drafting.reporter.name,
    )


def lying(case: Case, generator: np.random.Generator) -> Draft:
    """Write what the evidence says, and that one observation is there which it does not call present or uncertain."""
    silent = [place for place, one in enumerate(case.verdicts) if _is_free(one)]
    verdicts = list(case.verdicts)
    if silent:
        place = int(generator.choice(silent))
        verdicts[place] = replace(verdicts[place], status="present", laterality=SIDES[generator.integers(len(SIDES))])
    return TemplateReporter()(replace(case, verdicts=tuple(verdicts)))


def _is_free(one: Verdict) -> bool:
    return one.observation != NO_FINDING and one.status not in ("present", "uncertain")


def _checked(draft: Draft, case: Case) -> str:
    kept = check(draft, case, "drop")
    return text_of(Draft(kept.findings, kept.impression))


def text_of(draft: Draft) -> str:
    """Return findings and impression as a report prints them, equal neighbours once."""
    return " ".join([*_once(draft.findings), *draft.impression])


def _once(findings: Sequence[Finding]) -> Iterator[str]:
    before = ""
    for finding in findings:
        if finding.sentence != before:
            yield finding.sentence
        before = finding.sentence
