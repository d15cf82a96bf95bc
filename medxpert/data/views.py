"""Projections of radiographs, however a data set writes them."""

from __future__ import annotations

import re
from functools import cache

_SPELLED = {"postero-anterior": "pa", "posteroanterior": "pa", "antero-posterior": "ap", "anteroposterior": "ap"}
_NAMES = {"pa": "PA", "ap": "AP", **dict.fromkeys(("lateral", "lat", "ll", "rl"), "LATERAL")}
_OTHERWISE = frozenset({"decub", "decubitus", "oblique", "obl"})
"""Beside one of these, "lateral" is the side that the patient lies on or turns to."""


@cache
def projection(text: str) -> str:
    """Return the one projection that a text names: "PA", "AP" or "LATERAL"; "" where it names none or several.

    "AP AXIAL" is AP, "XTABLE LATERAL" is LATERAL, "CHEST (PORTABLE AP)" is AP, "CHEST (PA AND LAT)" is "".
    """
    folded = text.lower()
    for spelled, short in _SPELLED.items():
        folded = folded.replace(spelled, short)
    words = set(re.findall("[a-z]+", folded))
    named = {_NAMES[word] for word in words & _NAMES.keys()}
    if words & _OTHERWISE:
        named.discard("LATERAL")
    return named.pop() if len(named) == 1 else ""
