"""Studies put together from a table that has one row per image."""

from __future__ import annotations

from dataclasses import dataclass, field

from medxpert.data.tables import RowError
from medxpert.words import Rejected


@dataclass(slots=True)
class Draft:
    """A study as far as its rows have told it."""

    study_id: str
    patient_id: str
    images: dict[str, str]
    """Path as the table writes it -> view."""
    findings: str = ""
    impression: str = ""
    labels: dict[str, int] = field(default_factory=dict)
    line: int | None = None
    """Where its first row stands, for those who want to tell."""


class Drafts:
    """Joins the images of each study; studies stand in the order of their first rows, among what was rejected."""

    _EQUAL = ("patient_id", "findings", "impression", "labels")

    def __init__(self) -> None:
        self.items: list[Draft | Rejected] = []
        self._studies: dict[str, Draft] = {}

    def add(self, draft: Draft) -> None:
        """Take one row.

        Raises:
            RowError: it contradicts the study's first row, or repeats an image.
        """
        first = self._studies.setdefault(draft.study_id, draft)
        if first is draft:
            self.items.append(draft)
            return
        where = f"study {first.study_id}" + (f", line {first.line}" if first.line else "")
        for name in self._EQUAL:
            if getattr(draft, name) != getattr(first, name):
                raise RowError(f"{name} differs within a study", where)
        if draft.images.keys() & first.images.keys():
            raise RowError("image listed twice", where)
        first.images |= draft.images

    def reject(self, where: str, error: RowError) -> None:
        """Take note of a row that cannot be used."""
        self.items.append(Rejected(where, error.reason, error.detail))
