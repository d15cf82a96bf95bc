"""Which side and severity reports give to what they affirm or suspect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.evidence.calibrated import SEVERITIES, SIDES
from medxpert.labeler import mentions
from medxpert.ontology import NEGATIVE, OBSERVATIONS


class Read(NamedTuple):
    """What N reports say of the observations they affirm."""

    sides: NDArray[np.int8]
    """[N, 14] places in SIDES, -1 where not said."""
    severities: NDArray[np.int8]
    """[N, 14] places in SEVERITIES, -1 where not said."""


def read_reports(texts: Sequence[str]) -> Read:
    """Read which side and severity N reports give to what they affirm or suspect."""
    sides, severities = (np.full((len(texts), len(OBSERVATIONS)), -1, np.int8) for _ in range(2))
    for row, text in enumerate(texts):
        for mention in mentions(text):
            if mention.value == NEGATIVE:
                continue
            place = OBSERVATIONS.index(mention.observation)
            if mention.side:
                sides[row, place] = united(int(sides[row, place]), SIDES.index(mention.side))
            if mention.severity:
                severities[row, place] = max(severities[row, place], SEVERITIES.index(mention.severity))
    return Read(sides, severities)


def united(known: int, side: int) -> int:
    """Return both sides where two different ones are named."""
    return side if known in (-1, side) else SIDES.index("bilateral")
