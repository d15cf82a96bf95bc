"""What duplicates cost: how well any encoder can find a study's own text or image when others are equal to it.

An encoder gives equal texts equal embeddings, and equal images too, so it can only choose the order of groups of equal
items, once per group of equal queries. A group of n items, s of which are asked for, earns s / n per place it is given;
the best order is by falling s / n, for every K at once, and groups of one s / n may as well be tied. What stands before
a query's item in that order, and what is tied with it, are its ranks. Without equal images a text that n studies bear
is found among the first K with probability min(K, n) / n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.ranking import Ranks
from medxpert.text import normalise


class Ceiling(NamedTuple):
    """The best ranks that any encoder can reach under the relevance "identity", a row per asking study [Q]."""

    image_to_text: Ranks
    text_to_image: Ranks


def identity_ceiling(
    texts: Sequence[str], hashes: Sequence[str | None] | None = None, asked: NDArray[np.bool_] | None = None
) -> Ceiling:
    """Find the ceilings of both directions; `ranking.hits` turns them into Recall@K per query.

    Args:
        texts: N texts; equal where they are after normalisation.
        hashes: N hashes of the images, equal where the images are; None, as a whole or for one study, where an image
            equals no other.
        asked: the studies [N] that ask, all by default; the gallery is all of them. The ceiling is that of their mean.
    """
    studies = np.arange(len(texts))
    asking = studies if asked is None else np.flatnonzero(asked)
    text_of = _numbered([normalise(text) for text in texts])
    image_of = _numbered([row if found is None else found for row, found in enumerate(hashes or [None] * len(texts))])
    return Ceiling(_best_ranks(image_of, text_of, asking), _best_ranks(text_of, image_of, asking))


def _numbered(values: Sequence[str | int]) -> NDArray[np.int64]:
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _best_ranks(queries: NDArray[np.int64], items: NDArray[np.int64], asking: NDArray[np.int64]) -> Ranks:
    """Rank in the best order, given the group of equal queries and of equal items that each study [N] belongs to."""
    sizes = np.bincount(items)
    # one place per pair of a query group and an item group that it asks for
    pairs, of, wanted = np.unique(queries[asking] * len(sizes) + items[asking], return_inverse=True, return_counts=True)
    query, item = np.divmod(pairs, len(sizes))
    earned = wanted / sizes[item]
    order = np.lexsort((-earned, query))
    before = np.cumsum(sizes[item[order]]) - sizes[item[order]]
    new_query = np.diff(query[order], prepend=-1) != 0
    new_block = new_query | (np.diff(earned[order], prepend=0) != 0)
    block = np.cumsum(new_block) - 1
    starts = before[new_block]
    better, tied = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.int64)
    better[order] = (starts - np.maximum.accumulate(np.where(new_query[new_block], starts, 0)))[block]
    tied[order] = np.bincount(block, weights=sizes[item[order]]).astype(np.int64)[block]
    ones = np.ones(len(asking), np.int64)
    return Ranks(better[of], tied[of], ones, ones, len(items))
