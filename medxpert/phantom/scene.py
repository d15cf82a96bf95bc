"""A scene: all that a film depends on, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medxpert.phantom.acquisition import Acquisition
from medxpert.phantom.anatomy import Anatomy
from medxpert.phantom.findings import PhantomFinding
from medxpert.phantom.look import DEFAULT, LOOKS, Look


@dataclass(frozen=True)
class Scene:
    """A patient, how the film was taken, what it shows, and in which look."""

    anatomy: Anatomy
    acquisition: Acquisition
    findings: tuple[PhantomFinding, ...]
    look: Look = DEFAULT

    @property
    def variants(self) -> tuple[str, ...]:
        """Harmless peculiarities that the film shows."""
        return (*self.anatomy.variants, *(("low_volumes",) if self.acquisition.shallow else ()))

    def grade(self, kind: str) -> float:
        """Return the severity of a finding, weakened where it is faint, 0 where it is absent."""
        grades = (f.severity * (0.7 if f.faint else 1.0) for f in self.findings if f.kind == kind)
        return next(grades, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "look": self.look.name,
            "anatomy": {**vars(self.anatomy), "variants": list(self.anatomy.variants)},
            "acquisition": dict(vars(self.acquisition)),
            "variants": list(self.variants),
            "findings": [dict(vars(finding)) for finding in self.findings],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scene:
        """Rebuild a scene from what `to_json` returned."""
        anatomy = {**values["anatomy"], "variants": tuple(values["anatomy"]["variants"])}
        return cls(
            anatomy=Anatomy(**anatomy),
            acquisition=Acquisition(**values["acquisition"]),
            findings=tuple(PhantomFinding(**finding) for finding in values["findings"]),
            look=LOOKS[values.get("look", DEFAULT.name)],
        )
