"""Tells captions that can be read from what a decoder writes that has lost its way."""

from __future__ import annotations

import re
from itertools import pairwise

_WORD = re.compile(r"\w+")
_FEWEST, _LEAST_DISTINCT, _MOST_REPEATS = 2, 0.25, 4


def readable(caption: str) -> str:
    """Return the caption, or "" where it is empty, one word, or one word or sentence over and over."""
    words = _WORD.findall(caption.lower())
    if len(words) < _FEWEST or len(set(words)) < _FEWEST or len(set(words)) < _LEAST_DISTINCT * len(words):
        return ""
    in_a_row = 1
    for before, word in pairwise(words):
        in_a_row = in_a_row + 1 if word == before else 1
        if in_a_row >= _MOST_REPEATS:
            return ""
    return caption
