"""The words of what goes in and out beside reports: questions, captions, speech, files for other systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from medxpert.reporting import Endpoint, Problem, Report, Severity, Side
from medxpert.words import Policy

Asked = Literal["presence", "side", "severity", "count", "change", "open", "other"]
"""What a question wants to know; "other" is nothing that a chest radiograph can tell."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one image, as it was understood.

    Attributes:
        text: as it was asked.
        kind: what it wants to know.
        observations: of `ontology.OBSERVATIONS` that it names, in that order; none where it asks about all.
        side: that it names ("is there a left effusion").
        severity: that it names ("is there a large effusion").
        reason: one sentence that says why it cannot be answered from an image; "" for all kinds but "other".
    """

    text: str
    kind: Asked
    observations: tuple[str, ...] = ()
    side: Side = ""
    severity: Severity = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one question.

    Attributes:
        question: as it was asked.
        answer: one or two sentences; begins with "Cannot tell from this image" where nothing can be answered.
        confidence: probability that the answer is right, calibrated on validation; None where it cannot be told.
        evidence: what it rests on: study ids of similar cases, and names of scores.
        answerable: whether the image answers the question.
        reporter: who wrote it: "template", "gemini", "openai" or "transformers".
        value: the answer in one word where the question is closed: "yes", "no", a side, a severity, a number, or one of
            `reporting.Course`; "" where it is open or cannot be answered.
        kind: what was asked for.
        problems: what the checker found wrong with a model's answer.
        fallback_reason: why another reporter than the one asked for wrote it; "" where none did.
    """

    question: str
    answer: str
    confidence: float | None
    evidence: tuple[str, ...]
    answerable: bool
    reporter: str
    value: str = ""
    kind: Asked = "open"
    problems: tuple[Problem, ...] = ()
    fallback_reason: str = ""


class Captioner(Protocol):
    """Writes one sentence or two about an image. Its captions are evidence of a stated trust, never the report."""

    name: str
    """What reports call it, such as "blip"."""
    model_id: str
    """Which model writes."""
    image_side: int
    """Pixels per side that it sees."""
    policy: Policy
    """The strictest policy of what it was trained on."""
    trust: Mapping[int, float]
    """Log-odds that a caption adds to an observation that it affirms (1) or denies (0); {} where nobody measured it."""

    def __call__(self, pixels: NDArray[np.uint8]) -> Sequence[str]:
        """Write captions of grey images [B, S, S]; an empty one where nothing readable comes out."""
        ...


class Sound(Protocol):
    """One recording."""

    @property
    def samples(self) -> NDArray[np.float32]:
        """Mono, [T] in -1..1, at 16,000 samples a second."""
        ...

    @property
    def seconds(self) -> float:
        """Its length."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser understood.

    Attributes:
        text: the words; "" where it did not understand.
        confidence: in 0..1 that all words are right, None where the recogniser has none.
        reason: why nothing was understood; "" where something was.
    """

    text: str
    confidence: float | None = None
    reason: str = ""


class Recogniser(Protocol):
    """Turns speech into the text of a query or a question, or says that it did not understand."""

    name: str
    """What answers call it."""
    model_id: str
    """Which model listens; "" where none has a name."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the recording would be sent."""
        ...

    def __call__(self, sound: Sound) -> Heard:
        """Recognise one recording.

        Raises:
            RemoteError: a service failed for good; the message says how and what to do.
        """
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What an exporter writes to a file.

    Attributes:
        report: checked, or the reason why there is none.
        pixels: uint8 [S, S] of the image as the model sees it; None where a text was asked about.
        source: the image's file as the user gave it; None for a text. DICOM identifiers are read from it again when
            they are needed, and are held nowhere else.
        cited: study id -> (JPEG bytes of its thumbnail, text, similarity) of each case that the report cites.
        policy: the strictest of run and query.
        reply: to a question, where one was asked.
    """

    report: Report
    pixels: NDArray[np.uint8] | None
    source: Path | None
    cited: Mapping[str, tuple[bytes, str, float]] = field(default_factory=dict)
    policy: Policy = "private"
    reply: Reply | None = None


class Exporter(Protocol):
    """Writes one file, or a few, that another system reads."""

    def __call__(self, exported: Exported, folder: Path) -> Sequence[Path]:
        """Write into an existing folder, each file whole or not at all; return the paths.

        Raises:
            DataError: what is given cannot be written in this format; the message says why and what to do.
            ConfigError: a package is missing, or the folder cannot be written.
        """
        ...
