"""The words of reports: evidence, drafts, checked reports, and the Protocols of those who write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from medxpert.words import Hit

Status = Literal["present", "absent", "uncertain"]
Side = Literal["", "left", "right", "bilateral"]
Severity = Literal["", "mild", "moderate", "severe"]
Support = Literal["supported", "weak", "unsupported"]
Course = Literal["new", "resolved", "worse", "better", "unchanged"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says of one observation.

    Attributes:
        observation: one of `ontology.OBSERVATIONS`.
        status: "" where the evidence says nothing.
        probability: that it is there, calibrated on validation; None where nothing speaks of it.
        laterality: of what is present or uncertain; "" where the evidence does not tell.
        severity: likewise.
        scores: source of evidence ("zero-shot", "cases", "probe", "caption") -> its own calibrated probability.
        cases: similar cases whose labels agree with the status, the nearest first, as study ids.
        contradictory: whether one source is sure of it and another sure of the contrary.
        sides, severities: each -> its probability, given that the observation is there; empty where no image tells.
    """

    observation: str
    status: Status | Literal[""] = ""
    probability: float | None = None
    laterality: Side = ""
    severity: Severity = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    cases: tuple[str, ...] = ()
    contradictory: bool = False
    sides: Mapping[str, float] = field(default_factory=dict)
    severities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one observation between a prior image (`before`) and the current one (`now`).

    Attributes:
        course: the one named, even where "unchanged" is somewhat likelier; "" where the evidence does not tell.
        probability: of that course; None where nothing is known of either image.
        courses: each course -> its probability; they sum to 1. Empty where nothing is known.
    """

    observation: str
    course: Course | Literal[""]
    probability: float | None
    courses: Mapping[Course, float]
    before: Verdict
    now: Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """What a reporter is given to write about.

    Attributes:
        verdicts: one per observation, in the order of `ontology.OBSERVATIONS`.
        hits: similar cases, best first; all that a verdict cites are among them.
        technique: one sentence that says what was looked at.
        query: the text that was asked for; "" for an image.
        caption: of the image, where there is a captioner.
        pixels: uint8 [S, S] of the image; None for a text, or where pixels may not reach the reporter.
        doubt: why nothing that is said of the image can be more than weak; "" where all is well.
    """

    verdicts: tuple[Verdict, ...]
    hits: Sequence[Hit]
    technique: str = ""
    query: str = ""
    caption: str = ""
    pixels: NDArray[np.uint8] | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """One code of ICD-10-CM with its official description.

    Attributes:
        needs: what a billable code below it would still have to state ("acute or chronic"); empty where it is billable.
    """

    code: str
    description: str
    billable: bool
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A possible diagnosis and the codes that would fit it."""

    name: str
    icd10: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement of a report about one observation.

    Attributes:
        sentence: as it is printed.
        laterality, severity: "" where not said.
        evidence: what it rests on: study ids of similar cases, and names of scores.
        support: what the checker found; None before it looked.
    """

    observation: str
    status: Status
    sentence: str
    laterality: Side = ""
    severity: Severity = ""
    evidence: tuple[str, ...] = ()
    support: Support | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a reporter writes: findings, impression sentences, possible diagnoses."""

    findings: tuple[Finding, ...]
    impression: tuple[str, ...]
    diagnoses: tuple[Diagnosis, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that the checker found wrong with a draft.

    Attributes:
        kind: one of few (`checker.lexicon.KINDS`).
        where: "findings", "impression" or "diagnoses".
        text: what is wrong, as the draft has it; "" for what the draft leaves out.
        detail: what was expected and found.
        action: "marked" or "dropped" in the report, or "noted" here only.
    """

    kind: str
    where: str
    text: str
    detail: str
    action: Literal["marked", "dropped", "noted"]


@dataclass(frozen=True, slots=True)
class Report:
    """A structured report whose every statement was checked against the evidence, or the reason why there is none.

    Attributes:
        technique: what was looked at.
        comparison: with what it was compared.
        findings: each with its support.
        impression: sentences, the most important first.
        diagnoses: possible ones, with codes.
        limitations: sentences about what this report cannot know.
        reporter: who wrote it: "template", "gemini", "openai" or "transformers".
        abstained: whether the system refused to report on the image.
        abstain_reason: why; "" where it did not.
        fallback_reason: why another reporter than the one asked for wrote it; "" where none did.
        changes: against a prior image, one per observation; none without a prior.
        caption: of the image, by a captioner; evidence, never a finding.
        provenance: run, index, encoder, reporter, model id, time, policy and the gate's decision, as JSON values.
    """

    technique: str
    comparison: str
    findings: tuple[Finding, ...]
    impression: tuple[str, ...]
    diagnoses: tuple[Diagnosis, ...]
    limitations: tuple[str, ...]
    reporter: str
    abstained: bool = False
    abstain_reason: str = ""
    fallback_reason: str = ""
    problems: tuple[Problem, ...] = ()
    changes: tuple[Change, ...] = ()
    caption: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a reporter or recogniser sends what it is given.

    Attributes:
        kind: "local" never leaves this machine; "attested" is a service that somebody stated, with a date, to retain
            nothing; "public" is everything else, every bare API key included.
        name: what a person would call it, such as "this machine".
    """

    kind: Literal["local", "attested", "public"]
    name: str


class Reporter(Protocol):
    """Writes a draft about one case."""

    name: str
    """What reports call it."""
    model_id: str
    """Which model writes; "" where none does."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the case would be sent."""
        ...

    @property
    def send_image(self) -> bool:
        """Whether it asks for the pixels."""
        ...

    def __call__(self, case: Case) -> Draft:
        """Write the draft.

        Raises:
            RemoteError: the model failed for good; the message says how and what to do.
        """
        ...


@runtime_checkable
class RemoteReporter(Reporter, Protocol):
    """A reporter that can show what it would send."""

    dry_run: bool
    """Whether to show what would be sent, and send nothing."""

    def preview(self, case: Case) -> str:
        """Return exactly what would be sent, keys left out and pictures named by their size."""
        ...

    def tokens(self, case: Case) -> int:
        """Estimate how many tokens the request and its answer take."""
        ...
