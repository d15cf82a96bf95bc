"""An oracle that ranks reports for a film as well as their attributes allow: the ceiling for any model.

It knows what is in the image and what the longest section says. Both become vectors over the same A attributes; their
inner product ranks, so the ordinary ranking code gives the oracle's Recall@K.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.phantom.anatomy import VARIANTS
from medxpert.phantom.findings import kinds

_WEIGHTS = {"kind": 1.0, "side": 0.8, "zone": 0.8, "severity": 0.7, "uncertain": 0.5, "variant": 0.8}
_STEP = 2.0**-12
"""Entries are multiples of this, so that float32 sums are exact and equal reports tie exactly."""

_NOTHING = ("nothing", "", "")


@lru_cache(maxsize=1)
def _places() -> Mapping[tuple[str, str, str], int]:
    names = [_NOTHING]
    names += [("variant", name, "") for name in (*VARIANTS, "low_volumes")]
    for kind, table in kinds().items():
        names += [("kind", kind, ""), ("uncertain", kind, "")]
        names += [("side", kind, side) for side in ("left", "right")]
        names += [("zone", kind, zone) for zone in table.get("zones", ())]
        names += [("severity", kind, str(grade + 1)) for grade in range(len(table.get("severities", ())))]
    return {name: place for place, name in enumerate(names)}


def _attributes(findings: list[Mapping[str, Any]], doubt: str) -> Iterator[tuple[str, str, str]]:
    for finding in findings:
        kind = finding["kind"]
        yield "kind", kind, ""
        if finding[doubt]:
            yield "uncertain", kind, ""
        sides = ("left", "right") if finding["side"] == "bilateral" else (finding["side"],)
        yield from (("side", kind, side) for side in sides if side)
        if finding["zone"]:
            yield "zone", kind, finding["zone"]
        if finding["severity"]:
            yield "severity", kind, str(finding["severity"])


def _unit(attributes: Iterator[tuple[str, str, str]], variants: list[str]) -> NDArray[np.float32]:
    vector = np.zeros(len(_places()), dtype=np.float64)
    for attribute in attributes:
        vector[_places()[attribute]] = _WEIGHTS[attribute[0]]
    for name in variants:
        vector[_places()["variant", name, ""]] = _WEIGHTS["variant"]
    vector[_places()[_NOTHING]] = 0.3
    vector /= np.linalg.norm(vector)
    return (np.round(vector / _STEP) * _STEP).astype(np.float32)


def image_vector(truth: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the unit vector [A] of what a study's image shows, from `Study.truth`."""
    image = truth["image"]
    return _unit(_attributes(image["findings"], "faint"), image["variants"])


def report_vector(truth: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the unit vector [A] of what a study's longest section says, from `Study.truth`."""
    report = truth["report"]
    return _unit(_attributes(report["findings"], "uncertain"), report["variants"])
