"""What is saved of a reviewed report, and how saved reports are listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from medxpert.errors import DataError
from medxpert.exchange import Exported
from medxpert.reviewing import Choice, Review
from medxpert.words import Hit, Policy


@dataclass(frozen=True)
class Record:
    """A report with its review and the evidence of its time.

    Attributes:
        exported: report as it was drafted, pixels, cited cases with their thumbnails, policy, reply.
        review: what a reader made of it so far.
        name: of the image, as its user called it; of a text query the text.
        run: that the report was made with.
        hits: the similar cases that were shown, best first.
        voters: the training cases behind the report, the nearest first.
        fault: why the source file could not be brought back; "" where it could, and for a text.
    """

    exported: Exported
    review: Review
    name: str
    run: str
    hits: tuple[Hit, ...] = ()
    voters: tuple[Hit, ...] = ()
    fault: str = ""


class Saved(NamedTuple):
    """One version of one saved report."""

    report_id: str
    version: int


class SavedBesideError(DataError):
    """What was saved stands beside a version that somebody else saved meanwhile; both are kept.

    Attributes:
        saved: the version that was just saved.
    """

    def __init__(self, message: str, saved: Saved) -> None:
        super().__init__(message)
        self.saved = saved


class Version(NamedTuple):
    """One version in the history of a report."""

    version: int
    parent: int | None
    """The version that it was made from; None for the first."""
    who: str
    saved_at: datetime
    impression: str
    """First sentence, after the review."""
    counts: Mapping[Choice, int]
    """How many findings met which fate."""

    @property
    def is_branch(self) -> bool:
        """Whether it was made from another version than the one before it."""
        return self.parent != (self.version - 1 or None)


class Row(NamedTuple):
    """The newest version of a saved report, as a list shows it."""

    report_id: str
    newest: Version
    versions: int
    name: str
    run: str
    policy: Policy
    abstained: bool
    deleted_by: str
    """"" where it was not deleted."""
    deleted_at: datetime | None


class Draft(NamedTuple):
    """A review that nobody saved yet."""

    owner: str
    case_id: str
    who: str
    kept_at: datetime
    name: str
    policy: Policy
    replaces: Saved | None
    """The saved version that it goes on from."""
