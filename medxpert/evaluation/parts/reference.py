"""What scores of observations are measured against: the generator's truth where it is known, else the labels."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evidence.votes import explicit
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, PATHOLOGIES, POSITIVE


def reference_labels(cases: Cases) -> NDArray[np.int8]:
    """Return the observations of N studies in {1, 0, MISSING}, [N, 14].

    A study whose generator says what its image shows gets that, however faint; No Finding there means no pathology,
    whatever the devices. Any other study gets its labels as `explicit` reads them.
    """
    labels = explicit(cases.labels)
    for row, truth in enumerate(cases.column("truth")):
        if truth:
            labels[row] = _shown([finding["observation"] for finding in json.loads(truth)["image"]["findings"]])
    return labels


def _shown(observations: Sequence[str]) -> list[int]:
    normal = not any(name in PATHOLOGIES for name in observations)
    present = {*observations, NO_FINDING} if normal else set(observations)
    return [POSITIVE if name in present else NEGATIVE for name in OBSERVATIONS]
