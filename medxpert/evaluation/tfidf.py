"""TF-IDF vectors of report texts: smoothed inverse document frequencies over words and pairs of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]{2,}")


class TfIdf:
    """Maps texts to rows over the V commonest terms of the texts it was made from.

    idf = ln((1 + n) / (1 + df)) + 1 (Salton and Buckley 1988, smoothed so that no term weighs nothing).

    Args:
        texts: n texts; terms that fewer than two of them hold are left out.
        max_terms: upper bound of V.
    """

    def __init__(self, texts: Sequence[str], max_terms: int = 2000) -> None:
        held = Counter(term for text in texts for term in set(_terms(text)))
        common = [(term, count) for term, count in held.most_common(max_terms) if count > 1]
        self._place = {term: place for place, (term, _) in enumerate(common)}
        frequency = np.array([count for _, count in common], dtype=np.float32)
        self._weight = np.log((1 + len(texts)) / (1 + frequency)).astype(np.float32) + 1

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit rows [N, V]; all zero for a text without a known term."""
        rows = np.zeros((len(texts), len(self._place)), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for term, count in Counter(_terms(text)).items():
                if term in self._place:
                    row[self._place[term]] = count
            # Row by row: the matrix may be the largest thing in memory.
            row *= self._weight
            row /= np.linalg.norm(row) or 1
        return rows


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale the rows of [N, V] to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def _terms(text: str) -> list[str]:
    words = _WORD.findall(text.casefold())
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]
