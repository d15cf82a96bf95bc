"""Which text stands for a study: one and the same in evaluation, drawn anew in every epoch of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.text import Section, longest_section, sample_sentences
from medxpert.words import Study

Text = Literal["longest", "findings", "impression", "both"]
"""What stands for a study whenever it is asked."""
TrainingText = Literal["longest", "findings", "impression", "both", "random_section", "two_sections"]
"""What training sees of a study's report; the last two are drawn anew in every epoch."""


def section(findings: str, impression: str, text: Text) -> Section:
    """Choose what stands for a study; where the wanted section is missing, the other one does.

    Returns:
        The text, and the name of what it is: "findings", "impression" or "both". Empty where there is neither.
    """
    sections = {"findings": findings.strip(), "impression": impression.strip()}
    present = [name for name, content in sections.items() if content]
    if text == "longest" or len(present) < len(sections):
        return longest_section(findings, impression)
    if text == "both":
        return Section("both", " ".join(sections.values()))
    return Section(text, sections[text])


def lacks(findings: str, impression: str, text: str) -> bool:
    """Tell whether a study with some text has not the section that is wanted of it."""
    both = (findings, impression)
    wanted = {"both": both, "two_sections": both, "findings": (findings,), "impression": (impression,)}
    return any(not one.strip() for one in wanted.get(text, ()))


class Reports(NamedTuple):
    """What training may draw of N studies."""

    findings: Sequence[str]
    impressions: Sequence[str]
    weights: NDArray[np.float64]
    """[N] how often an epoch sees each study."""

    @classmethod
    def of(cls, studies: Sequence[Study]) -> Reports:
        """Take them from studies."""
        weights = np.array([study.weight for study in studies], np.float64)
        return cls([study.findings for study in studies], [study.impression for study in studies], weights)


def write_reports(path: Path, reports: Reports) -> None:
    """Write a parquet table of findings, impression and weight."""
    columns = {"findings": reports.findings, "impression": reports.impressions, "weight": reports.weights}
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_reports(path: Path) -> Reports:
    """Read what `write_reports` wrote."""
    table = pq.read_table(path)
    return Reports(
        table.column("findings").to_pylist(), table.column("impression").to_pylist(), table.column("weight").to_numpy()
    )


@dataclass(frozen=True)
class TextDraw:
    """Draws the texts that training sees of a study.

    Args:
        text: which section; "random_section" draws one of those present, "two_sections" gives findings and impression
            as two texts, the one that is present twice where the other is missing.
        max_sentences: draw no more than this many sentences of each text; all by default.
        shuffle_sentences: put the sentences into a random order.

    Raises:
        ConfigError: max_sentences is not positive.
    """

    text: TrainingText = "longest"
    max_sentences: int | None = None
    shuffle_sentences: bool = False

    def __post_init__(self) -> None:
        if self.max_sentences is not None and self.max_sentences < 1:
            raise ConfigError(f"loader.max_sentences={self.max_sentences} must be at least 1")

    @property
    def is_random(self) -> bool:
        """Whether anything is drawn."""
        return self.text == "random_section" or self.max_sentences is not None or self.shuffle_sentences

    @property
    def is_finite(self) -> bool:
        """Whether a study gives no more than its two sections, so that all texts can be known beforehand."""
        return self.max_sentences is None and not self.shuffle_sentences

    def possible(self, findings: str, impression: str) -> tuple[str, ...]:
        """Return every text that may be drawn of a study, where that is finite."""
        findings, impression = findings.strip(), impression.strip()
        if self.text == "random_section" or self.text == "two_sections":
            return tuple(one for one in (findings, impression) if one)
        return (section(findings, impression, self.text).text,)

    def __call__(self, findings: str, impression: str, generator: np.random.Generator) -> tuple[str, ...]:
        """Return one text, or two with "two_sections"."""
        chosen = self._chosen(findings.strip(), impression.strip(), generator)
        if self.max_sentences is None and not self.shuffle_sentences:
            return chosen
        return tuple(sample_sentences(one, generator, self.max_sentences, self.shuffle_sentences) for one in chosen)

    def _chosen(self, findings: str, impression: str, generator: np.random.Generator) -> tuple[str, ...]:
        if self.text == "two_sections":
            return findings or impression, impression or findings
        if self.text == "random_section":
            present = [one for one in (findings, impression) if one]
            return (present[generator.integers(len(present))],)
        return (section(findings, impression, self.text).text,)
