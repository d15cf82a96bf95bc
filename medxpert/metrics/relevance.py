"""From scores and groups to ranks: a query's relevant gallery items are those of its group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.metrics.ranking import Ranks
from medxpert.metrics.scores import CHUNK, Block, blocks, check_rows, check_widths, distinct


class Relevance(NamedTuple):
    """Q queries and G gallery items that share vectors, and who answers whom.

    Query i is vector `query_rows[i]`, item j is vector `item_rows[j]`, and j is relevant to i where
    `query_groups[i] == item_groups[j]`.
    """

    query_rows: NDArray[np.int64]
    query_groups: NDArray[np.int64]
    item_rows: NDArray[np.int64]
    item_groups: NDArray[np.int64]


class _Targets(NamedTuple):
    """Relevant columns of a batch of queries, flat: query by query."""

    starts: NDArray[np.int64]
    query: NDArray[np.int64]
    columns: NDArray[np.int64]
    copies: NDArray[np.int64]


class _Counter:
    """Counts, for one relevance, what stands before and beside the best relevant item of each query."""

    def __init__(self, relevance: Relevance, of: NDArray[np.int64], num_vectors: int) -> None:
        query_rows, query_groups, item_rows, item_groups = relevance
        columns = of[item_rows]
        # float32, exact up to 2**24 items: counting is then a matrix product.
        self.copies = np.bincount(columns, minlength=num_vectors).astype(np.float32)
        # One target per group and vector, sorted by group, however many items share the vector.
        targets, self.target_copies = np.unique(item_groups * num_vectors + columns, return_counts=True)
        target_groups, self.target_columns = np.divmod(targets, num_vectors)
        self.order = np.argsort(query_rows, kind="stable")
        self.rows = query_rows[self.order]
        groups = query_groups[self.order]
        self.begin = np.searchsorted(target_groups, groups, "left")
        self.end = np.searchsorted(target_groups, groups, "right")
        self._check_answerable()
        relevant = np.r_[0, np.cumsum(self.target_copies)]
        self.relevant = relevant[self.end] - relevant[self.begin]
        self.better, self.tied, self.relevant_tied = (np.empty(len(groups), np.int64) for _ in range(3))
        self.pool = len(item_rows)

    def _check_answerable(self) -> None:
        unanswered = self.order[self.begin == self.end]
        if len(unanswered):
            raise DataError(f"query {unanswered.min()} has no relevant gallery item; leave it out or add its group")

    def count(self, block: Block, batch_size: int) -> None:
        """Fill in the queries whose vectors are rows of the block."""
        first, last = np.searchsorted(self.rows, [block.rows.start, block.rows.stop])
        for start in range(first, last, batch_size):
            batch = slice(start, min(start + batch_size, last))
            self._count_batch(batch, block.scores[self.rows[batch] - block.rows.start])

    def _count_batch(self, batch: slice, scores: NDArray[np.float32]) -> None:
        targets = self._targets(batch)
        values = scores[targets.query, targets.columns]
        best = np.maximum.reduceat(values, targets.starts)
        shares = np.where(values == best[targets.query], targets.copies, 0)
        self.relevant_tied[batch] = np.add.reduceat(shares, targets.starts)
        self.better[batch] = (scores > best[:, None]) @ self.copies
        self.tied[batch] = (scores == best[:, None]) @ self.copies

    def _targets(self, batch: slice) -> _Targets:
        begin = self.begin[batch]
        sizes = self.end[batch] - begin
        starts = np.cumsum(sizes) - sizes
        which = np.repeat(begin - starts, sizes) + np.arange(sizes.sum())
        query = np.repeat(np.arange(len(sizes)), sizes)
        return _Targets(starts, query, self.target_columns[which], self.target_copies[which])

    def ranks(self) -> Ranks:
        """Return the counts in the order of the queries."""
        back = np.argsort(self.order)
        return Ranks(self.better, self.tied, self.relevant_tied, self.relevant, self.pool).take(back)


def rank_all(
    queries: NDArray[np.floating],
    gallery: NDArray[np.floating],
    relevances: Sequence[Relevance],
    chunk: int = CHUNK,
) -> list[Ranks]:
    """Rank under several relevances with one pass over the scores, in memory O(chunk x V).

    Args:
        queries: finite vectors [Q', D] of any float type, converted block by block.
        gallery: finite vectors [V, D]; scores are float32 inner products, cosines for unit rows.
        relevances: their row numbers point into the two.
        chunk: rows scored at a time.

    Raises:
        DataError: a query has no relevant item.
    """
    vectors, of = distinct(gallery)
    counters = [_Counter(relevance, of, len(vectors)) for relevance in relevances]
    for block in blocks(queries, vectors, chunk):
        for counter in counters:
            counter.count(block, chunk)
    return [counter.ranks() for counter in counters]


def rank(
    queries: NDArray[np.floating],
    gallery: NDArray[np.floating],
    query_groups: NDArray,
    gallery_groups: NDArray,
    chunk: int = CHUNK,
) -> Ranks:
    """Rank queries [Q, D] against a gallery [G, D]; relevant are the items with the query's group id.

    Group ids are integers or strings, [Q] and [G].

    Raises:
        DataError: an embedding is not finite, counts or widths differ, or a query has no relevant item.
    """
    check_rows("query embeddings", queries, len(query_groups))
    check_rows("gallery embeddings", gallery, len(gallery_groups))
    check_widths(queries, gallery)
    ids = np.unique(np.concatenate([query_groups, gallery_groups]), return_inverse=True)[1]
    relevance = Relevance(np.arange(len(queries)), ids[: len(queries)], np.arange(len(gallery)), ids[len(queries) :])
    return rank_all(queries, gallery, [relevance], chunk)[0]
