"""Which cases a user wants to see."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.errors import ConfigError
from medxpert.ontology import OBSERVATIONS, POSITIVE


@dataclass(frozen=True)
class Filter:
    """Which cases may be found; None lets all pass.

    Attributes:
        view: projection, as the study's image says.
        label: an observation that must be positive.
        split: train, val or test.
        policy: open, credentialed or private.
        source: the data set.
        exclude_patient: a patient whose studies are left out: the query's own.
    """

    view: str | None = None
    label: str | None = None
    split: str | None = None
    policy: str | None = None
    source: str | None = None
    exclude_patient: str | None = None

    def allowed(self, cases: Cases) -> NDArray[np.bool_] | None:
        """Return the mask [N] of the cases that pass; None when all do.

        Raises:
            ConfigError: the label is none of the 14, or no case passes.
        """
        masks = [self._equal(cases, name) for name in ("view", "split", "policy", "source") if getattr(self, name)]
        if self.label:
            masks.append(cases.labels[:, _observation(self.label)] == POSITIVE)
        if self.exclude_patient:
            masks.append(np.array(cases.patient_ids) != self.exclude_patient)
        if not masks:
            return None
        allowed: NDArray[np.bool_] = np.logical_and.reduce(masks)
        if not allowed.any():
            asked = ", ".join(f"filter.{name}={value}" for name, value in asdict(self).items() if value)
            raise ConfigError(f"no indexed case passes {asked}; the index holds {self._present(cases)}")
        return allowed

    def _present(self, cases: Cases) -> str:
        columns = ("view", "split", "policy", "source")
        return "; ".join(f"{name} {', '.join(sorted(set(cases.column(name))))}" for name in columns)

    def _equal(self, cases: Cases, name: str) -> NDArray[np.bool_]:
        return np.array(cases.column(name)) == getattr(self, name)


def _observation(name: str) -> int:
    if name not in OBSERVATIONS:
        raise ConfigError(f"filter.label={name}: expected one of {', '.join(OBSERVATIONS)}")
    return OBSERVATIONS.index(name)
