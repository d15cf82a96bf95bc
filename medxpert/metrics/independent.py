"""Differences of estimates that were made on different patients."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot


def difference(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Subtract independent estimates, the interval recovered from theirs (Zou & Donner, Stat Med 2008).

    Args:
        first: "value", and "low" and "high" where there is an interval.
        second: likewise; its value is subtracted.

    Returns:
        "value", and "low" and "high" where both intervals tell something: one without width, as the bootstrap gives
        where all queries hit or all miss, would make the difference look surer than it is.
    """
    value = first["value"] - second["value"]
    if not all("low" in one and one["low"] < one["high"] for one in (first, second)):
        return {"value": value}
    below = hypot(first["value"] - first["low"], second["high"] - second["value"])
    above = hypot(first["high"] - first["value"], second["value"] - second["low"])
    return {"value": value, "low": value - below, "high": value + above}
