"""Reads JSON values of an expected type; whatever else is found is a TypeError or ValueError."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args


def plain(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has no number for (NaN, infinity) is null."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def items(value: Any) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r}")
    return value


def text(value: Any) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(map(text, items(value)))


def flag(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, found {value!r}")
    return value


def number(value: Any) -> float:
    """Return a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {value!r}")
    return float(value)


def numbers(value: Any) -> dict[str, float]:
    """Return a mapping to numbers."""
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping, found {value!r}")
    return {text(name): number(one) for name, one in value.items()}


def one_of(value: Any, choices: Any) -> Any:
    """Return one of the values of a Literal."""
    if value not in get_args(choices):
        raise ValueError(f"expected one of {get_args(choices)}, found {value!r}")
    return value
