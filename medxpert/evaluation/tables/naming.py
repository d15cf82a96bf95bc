"""Short names for runs whose folders have long ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from string import ascii_uppercase

_WIDTH = 10
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d_[\d-]+-(?=\D)")
"""The time that starts the name of a run's folder."""


def short_names(names: Sequence[str]) -> list[str]:
    """Shorten different names to what differs, to letters where that is still long.

    A name is the last part of a path; a leading time goes if the names differ without it, so do the words that all
    start or end with.
    """
    words = [name.rstrip("/").split("/")[-1] for name in names]
    words = _kept_apart([_STAMP.sub("", word) for word in words], words)
    words = _kept_apart(_differing(words), words)
    if len(set(words)) == len(words) and max(map(len, words)) <= _WIDTH:
        return words
    return (
        list(ascii_uppercase[: len(names)]) if len(names) <= len(ascii_uppercase) else list(map(str, range(len(names))))
    )


def _kept_apart(shorter: list[str], words: list[str]) -> list[str]:
    """Return the shorter words if they are as different as the words, else the words."""
    return shorter if all(shorter) and len(set(shorter)) == len(words) else words


def _differing(words: Sequence[str]) -> list[str]:
    """Cut off the words that all names share at the start, then those at the end."""
    start = _shared([re.split(r"(?<=[-_.])", word) for word in words])
    rest = ["".join(re.split(r"(?<=[-_.])", word)[start:]) for word in words]
    parts = [re.split(r"(?=[-_.])", word)[::-1] for word in rest]
    end = _shared(parts)
    return ["".join(part[end:][::-1]).strip("-_.") for part in parts]


def _shared(parts: Sequence[list[str]]) -> int:
    return len(list(takewhile(lambda place: len(set(place)) == 1, zip(*parts, strict=False))))
