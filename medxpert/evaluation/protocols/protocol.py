"""Published evaluation protocols as presets, so that figures can be set beside those of their papers.

A protocol says which studies ask and answer, what counts as right, which section and view the source embeds, and how
ties count; its table repeats what the source states and where this split deviates from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.errors import ConfigError, DataError
from medxpert.ontology import NO_FINDING, OBSERVATIONS

Positives = Literal["identity", "same_text", "deduplicated", "class"]
Direction = Literal["image_to_text", "text_to_image"]
Section = Literal["longest", "findings_first", "findings", "impression", "both"]
Ties = Literal["expected", "optimistic", "pessimistic"]
STATEMENTS = ("pool", "positives", "section", "view", "ties")
FRONTAL = ("PA", "AP")

_EMBEDDED: Mapping[str, set[str]] = {
    "longest": {"findings", "impression"},
    "findings_first": {"findings", "impression"},
    "findings": {"findings"},
    "impression": {"impression"},
    "both": {"both"},
}
"""Section of a protocol -> what the column section may say."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How one source measures retrieval.

    Attributes:
        name: of the protocol, as tables show it.
        source: paper and code that define it.
        stated: what the source states on each of `STATEMENTS`, in words, "not stated" where it is silent.
        here: what every evaluation here does otherwise, in words.
        positives: a relevance of `metrics.retrieval`, or "class": texts of the query's class.
        directions: what is measured.
        cutoffs: K of recall@K, of precision@K for classes.
        section: which text the source embeds; another one is a deviation that is said.
        view: which studies take part, by the view of their image.
        ties: the expected value over their orders, or that of the best or the worst order.
        classes: observations; a study takes part if it is positive for one and for no other.
        per_class: studies drawn of each class.
        alone_among: whether other classes alone or any other observation keeps a study from taking part.
        uncertain: whether an uncertain one does so too, or counts as negative.
        standardised: whether zero-shot scores are standardised over the studies, class by class.

    Raises:
        ConfigError: a value is out of its range, or classes and positives do not go together.
    """

    name: str
    source: str
    stated: Mapping[str, str]
    positives: Positives
    directions: Sequence[Direction] = get_args(Direction)
    cutoffs: Sequence[int] = (1, 5, 10)
    section: Section = "longest"
    view: Literal["any", "frontal"] = "any"
    ties: Ties = "expected"
    classes: Sequence[str] = ()
    per_class: int = 200
    alone_among: Literal["observations", "classes"] = "observations"
    uncertain: Literal["excluded", "negative"] = "excluded"
    standardised: bool = False
    here: str = ""

    def __post_init__(self) -> None:
        for key, expected, found in self._faults():
            raise ConfigError(f"protocol.{key}: expected {expected}, found {found}; change protocol.{key}=")

    def _faults(self) -> list[tuple[str, str, object]]:
        by_class = self.positives == "class"
        unknown = [name for name in self.classes if name not in OBSERVATIONS or name == NO_FINDING]
        checks = [
            ("stated", " ".join(STATEMENTS), sorted(self.stated), set(self.stated) == set(STATEMENTS)),
            ("directions", "one or both directions", list(self.directions), len(self.directions) > 0),
            ("cutoffs", "numbers from 1", list(self.cutoffs), min(self.cutoffs, default=0) > 0),
            ("classes", "names of observations but No Finding", unknown, not unknown),
            ("classes", "two or more with positives=class, else none", list(self.classes), self._classes_fit()),
            ("per_class", "a number from 1", self.per_class, self.per_class > 0),
            ("ties", "expected with positives=class", self.ties, not by_class or self.ties == "expected"),
        ]
        return [(key, expected, found) for key, expected, found, fine in checks if not fine]

    def _classes_fit(self) -> bool:
        return len(set(self.classes)) > 1 if self.positives == "class" else not self.classes

    def statement(self) -> str:
        """Say in one line how the source measures, and what is done otherwise here."""
        stated = "; ".join(f"{key}: {self.stated[key]}" for key in STATEMENTS)
        return f"{self.source}. {stated}." + (f" Here: {self.here}." if self.here else "")

    def within(self, pool: int) -> list[int]:
        """Return the cutoffs that a pool allows.

        Raises:
            ConfigError: it allows none.
        """
        fitting = [cutoff for cutoff in self.cutoffs if cutoff <= pool]
        if not fitting:
            raise ConfigError(
                f"protocol.cutoffs: expected a number up to the pool of {pool:,}, found {list(self.cutoffs)}; "
                "change protocol.cutoffs= or evaluate a larger split"
            )
        return fitting


def viewed(cases: Cases, protocol: Protocol) -> NDArray[np.int64]:
    """Return the rows of the studies whose view the protocol takes.

    Raises:
        DataError: it takes frontal views and no study is known to have one.
    """
    views = np.array([(view or "").upper() for view in cases.column("view")])
    rows = np.flatnonzero(np.isin(views, FRONTAL)) if protocol.view == "frontal" else np.arange(len(views))
    if not len(rows):
        found = ", ".join(sorted({view or "none" for view in views.tolist()}))
        raise DataError(
            f"protocol {protocol.name} takes frontal views (PA or AP), found {found} in the column view; "
            "fill it in, or set protocol.view=any"
        )
    return rows


def deviations(cases: Cases, protocol: Protocol, elsewhere: bool = False) -> list[str]:
    """Say which image stands for a study, and where the texts of the split are not those that the source embeds.

    Args:
        cases: of the split.
        protocol: what the source does.
        elsewhere: whether the embeddings were made elsewhere, of images that nobody here knows.

    Raises:
        DataError: the protocol pairs reports with their studies and all texts are prompts written from labels.
    """
    sections = Counter(section or "unknown" for section in cases.column("section"))
    if set(sections) == {"prompt"} and protocol.positives != "class":
        raise DataError(
            f"protocol {protocol.name} retrieves reports (section {protocol.section}), found only prompts written from "
            "labels; evaluate a split with reports, or leave protocol= away"
        )
    others = {name: count for name, count in sections.items() if name not in _EMBEDDED[protocol.section]}
    remarks = ["Which image stands for a study is not known." if elsewhere else _images(cases)]
    if others:
        counted = ", ".join(f"{name} of {count:,} studies" for name, count in sections.most_common())
        remarks.append(f"Deviation: embedded are {counted}.")
    return remarks


def _images(cases: Cases) -> str:
    images = sum(cases.column("images"))
    if images == len(cases):
        return "A study is one image, a frontal one where it has any."
    return f"A study is the mean of its images, {images:,} of {len(cases):,} studies."
