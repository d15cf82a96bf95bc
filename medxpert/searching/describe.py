"""What is told of cases beside their texts: view, split, source and policy, read once per table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.ontology import OBSERVATIONS, POSITIVE
from medxpert.text import normalise

COLUMNS = ("view", "split", "source")
"""By which cases are filtered, beside their labels."""


@dataclass(frozen=True)
class Described:
    """N cases, described.

    Attributes:
        view, split, source, policy: one per case; "" where nobody said.
        cases: the table.
    """

    view: Sequence[str]
    split: Sequence[str]
    source: Sequence[str]
    policy: Sequence[str]
    cases: Cases

    def options(self, column: str) -> list[str]:
        """Return what one of `COLUMNS`, or "label", can be asked for; only what some case has."""
        if column == "label":
            present = (self.cases.labels == POSITIVE).any(axis=0)
            return [name for name, there in zip(OBSERVATIONS, present.tolist(), strict=True) if there]
        return sorted(set(getattr(self, column)) - {""})

    def counted(self, policy: str) -> int:
        """Return how many cases are under a policy."""
        return self._policies[policy]

    @cached_property
    def _policies(self) -> Counter[str]:
        return Counter(self.policy)

    @cached_property
    def texts(self) -> NDArray[np.int64]:
        """[N] numbers; cases whose texts read the same have the same."""
        places: dict[str, int] = {}
        told = (places.setdefault(normalise(text), len(places)) for text in self.cases.texts)
        return np.fromiter(told, np.int64, len(self.cases))


@lru_cache(maxsize=4)
def describe(cases: Cases) -> Described:
    """Describe the cases of a table; the same table is read once."""
    view, split, source, policy = (cases.column(name) for name in (*COLUMNS, "policy"))
    return Described(view, split, source, policy, cases)
