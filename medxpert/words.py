"""The words that every room shares: studies, hits, reports, and the Protocols of replaceable parts.

Shape letters: N studies, B batch, D embedding width, L tokens, C labels, H W pixels, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Policy = Literal["open", "credentialed", "private"]
POLICIES: tuple[Policy, ...] = ("open", "credentialed", "private")
"""From the loosest to the strictest."""

SPLITS: tuple[str, ...] = ("train", "val", "test")
"""What every reader offers."""
SHIFTED = "test_shift"
"""A test split from another distribution than the training studies; few readers offer one."""

Stage = Literal["untrained", "pretrained", "adapted"]


class Image(Protocol):
    """One radiograph whose pixels are read only when somebody asks for them. Must pickle."""

    @property
    def view(self) -> str:
        """Projection: "PA", "AP", "LATERAL" or "" when unknown."""
        ...

    def fingerprint(self) -> str:
        """Identify the content without decoding it; equal fingerprints mean equal pixels."""
        ...

    def read(self) -> Path | bytes | NDArray[np.uint8]:
        """Return a file, an encoded file's bytes, or grey pixels [H, W]."""
        ...


@dataclass(frozen=True, slots=True)
class Study:
    """One patient's examination at one time.

    Attributes:
        text_kind: "prompt" where the text is a sentence made from labels, not a report.
        labels: observation name -> 1 positive, 0 negative, -1 uncertain; names not mentioned are absent.
        patient_id: "" where nobody knows; such studies are no evidence that two splits are disjoint.
        policy: what may be done with it, whatever else it is mixed with.
        weight: how often training sees the study in an epoch, on average.
        truth: what a generator knows and no reader of real data does, as plain JSON values:
            {"image": {...}, "report": {...}}.
    """

    study_id: str
    patient_id: str
    images: tuple[Image, ...]
    findings: str = ""
    impression: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)
    split: str = ""
    source: str = ""
    policy: Policy = "private"
    text_kind: Literal["report", "prompt"] = "report"
    weight: float = 1.0
    truth: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row or image that could not be used. Readers yield it in a study's place.

    Attributes:
        where: a file and line, or a study and image.
        reason: a short phrase, one of few, so that equal faults can be counted.
        detail: what was expected and found there.
    """

    where: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


class Reader(Protocol):
    """Yields the studies of one split in a fixed order, and a `Rejected` for each row it had to skip.

    A reader (or the function that a partial binds) may name splits beyond `SPLITS` in an attribute `more_splits`;
    these are embedded and measured, never trained on nor indexed.
    """

    def __call__(self, split: str) -> Iterable[Study | Rejected]:
        """Read one of `SPLITS`, or of the reader's own `more_splits`."""
        ...


@dataclass(frozen=True, slots=True)
class Hit:
    """One similar case: its place, its cosine similarity and the case itself."""

    rank: int
    score: float
    study_id: str
    patient_id: str
    text: str
    labels: Mapping[str, int]
    row: int


Status = Literal["present", "absent", "uncertain"]
Side = Literal["", "left", "right", "bilateral"]
Severity = Literal["", "mild", "moderate", "severe"]
Support = Literal["supported", "weak", "unsupported"]


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
        contradictory: whether one source is sure that it is there and another that it is not.
    """

    observation: str
    status: Status | Literal[""] = ""
    probability: float | None = None
    laterality: Side = ""
    severity: Severity = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    cases: tuple[str, ...] = ()
    contradictory: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """What a reporter is given to write about.

    Attributes:
        verdicts: one per observation, in the order of `ontology.OBSERVATIONS`.
        hits: similar cases, best first; all that a verdict cites are among them.
        technique: one sentence that says what was looked at.
        query: the text that was asked for; "" where an image is the query.
        caption: of the image, where there is a captioner.
        pixels: uint8 [S, S] of the image; None for a text, or where pixels may not reach the reporter.
    """

    verdicts: tuple[Verdict, ...]
    hits: Sequence[Hit]
    technique: str = ""
    query: str = ""
    caption: str = ""
    pixels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """One code of ICD-10-CM with its official description."""

    code: str
    description: str
    billable: bool


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
        laterality: "" where not said.
        severity: "" where not said.
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
        kind: one of few, so that equal faults can be counted (`checker.KINDS`).
        where: "findings", "impression" or "diagnoses".
        text: the sentence, id or code that is wrong, as the draft has it; "" for what the draft leaves out.
        detail: what was expected and found.
        action: what was done about it: "marked" or "dropped" in the report, or "noted" here only.
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
        problems: what the checker found.
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
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a reporter or recogniser sends what it is given.

    Attributes:
        kind: "local" never leaves this machine; "attested" is a named service that somebody stated, with a date, to
            retain nothing; "public" is everything else, every bare API key included.
        name: what a person would call it, such as "this machine" or "Vertex project p in europe-west4".
    """

    kind: Literal["local", "attested", "public"]
    name: str


class Encoder(Protocol):
    """Maps radiographs and texts to unit vectors of one space."""

    image_side: int

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode grey pixels [B, image_side, image_side] to unit rows [B, D]."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode B texts to unit rows [B, D]."""
        ...


class Neighbours(NamedTuple):
    """The best rows per query, best first; missing places hold row -1 and score -inf."""

    scores: NDArray[np.float32]
    """[Q, K] inner products."""
    rows: NDArray[np.int64]
    """[Q, K] rows of the indexed vectors."""


class Index(Protocol):
    """Finds the nearest of N unit vectors by inner product."""

    def build(self, vectors: NDArray[np.float32]) -> None:
        """Hold vectors [N, D]."""
        ...

    def save(self, path: Path) -> None:
        """Write to one file."""
        ...

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        ...

    def search(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Find the top_k rows for queries [Q, D], among the rows where allowed [N] is true."""
        ...


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
