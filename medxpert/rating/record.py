"""What the store of reader studies gives out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from medxpert.rating.scales import Scale
from medxpert.rating.shaping import Shaped
from medxpert.words import Policy

State = Literal["draft", "open", "closed"]


class Study(NamedTuple):
    """One reader study.

    Attributes:
        key: identifies it.
        state: "draft" while reports may be imported, "open" to readers, "closed" for good.
        policy: of its cases.
        design: as JSON values.
        sha256: of the design, from when it was opened; "" before.
        sources: of all reports, imported ones too, in alphabetical order.
        unblinded_by: who had the sources named before it was closed; "" for nobody.
        salt: what the letters of the sources are drawn with; never exported.
    """

    key: str
    name: str
    state: State
    policy: Policy
    design: Mapping[str, Any]
    sha256: str
    sources: tuple[str, ...]
    num_cases: int
    created_by: str
    created_at: str
    opened_at: str
    closed_at: str
    unblinded_by: str
    unblinded_at: str
    salt: str = ""

    @property
    def is_named(self) -> bool:
        """Whether sources may be named."""
        return self.state == "closed" or bool(self.unblinded_by)


class CaseRow(NamedTuple):
    """One case, as a coordinator sees it."""

    number: int
    study_id: str
    patient_id: str
    abnormal: bool
    picture: Path


class Item(NamedTuple):
    """One report that a reader is to rate; says nothing of its source.

    Attributes:
        item: identifies it.
        place: in this reader's order, from 1.
        total: of all items of this reader.
        done: how many of them are rated.
        case: number of the case.
        text: to rate.
        picture: of the case.
        views: how often it was shown before.
        told: what was rated, where this is a rating to correct; empty else.
        comment: likewise.
    """

    item: int
    place: int
    total: int
    done: int
    case: int
    text: Shaped
    picture: Path
    views: int
    told: Mapping[str, int]
    comment: str


class Given(NamedTuple):
    """What a reader gives for one item.

    Attributes:
        told: scale -> value.
        shown_at: as the clock on the wall said, ISO 8601.
        seconds: before the reader, without pauses.
        paused_seconds: of pauses that the reader asked for.
        silent_seconds: longest silence.
    """

    told: Mapping[str, int]
    comment: str
    shown_at: str
    seconds: float
    paused_seconds: float = 0.0
    silent_seconds: float = 0.0


class Progress(NamedTuple):
    """How far one reader is."""

    code: str
    done: int
    total: int
    last: str
    """When the last rating came; "" before the first."""


class Rated(NamedTuple):
    """One rating with its source, for analysis and export.

    Attributes:
        told: scale -> value, as last corrected.
        corrections: how often it was corrected.
        views: how often the report had been shown when it was rated; more than 1 where a session broke off.
        seconds, paused_seconds, silent_seconds: of the first rating.
    """

    reader: str
    place: int
    case: int
    study_id: str
    patient_id: str
    abnormal: bool
    source: str
    repeated: bool
    told: Mapping[str, int]
    comment: str
    shown_at: str
    submitted_at: str
    seconds: float
    paused_seconds: float
    silent_seconds: float
    views: int
    corrections: int


def shown(scale: Scale, value: int) -> str:
    """Return a rating in words."""
    return f"{value} {scale.level(value).label}"
