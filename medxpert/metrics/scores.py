"""Inner products of queries against a gallery, block by block, so that Q x G is never held.

Equal vectors must get equal scores, or ties would be broken by rounding: a matrix product may sum the columns of
one block in another order than those of the next. Each distinct gallery vector is therefore scored once.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.words import Neighbours

CHUNK = 128
"""Rows scored at a time."""
_GROUP = 32
"""Columns whose maximum is looked at first."""
_MAX_CHOSEN = 2**20
"""Candidates that are sorted at a time, for memory's sake: ties may make candidates of whole galleries."""


class Distinct(NamedTuple):
    """The V distinct rows of a matrix of N rows."""

    vectors: NDArray[np.float32]
    """[V, D], in order of first appearance."""
    of: NDArray[np.int64]
    """[N], the row of `vectors` that equals each original row."""


class Block(NamedTuple):
    """Scores of consecutive queries."""

    rows: slice
    """Which queries."""
    scores: NDArray[np.float32]
    """[B, V], overwritten by the next block."""


def check_rows(name: str, rows: NDArray[np.floating], num_rows: int | None = None) -> None:
    """Refuse what cannot be ranked.

    Raises:
        DataError: `rows` is not a non-empty matrix of finite numbers, or has not `num_rows` rows.
    """
    if rows.ndim != 2 or 0 in rows.shape:
        raise DataError(f"{name}: expected a non-empty matrix [N, D], found shape {rows.shape}")
    if num_rows is not None and len(rows) != num_rows:
        raise DataError(f"{name}: expected {num_rows} rows, one per study, found {len(rows)}")
    for start in range(0, len(rows), CHUNK):
        finite = np.isfinite(rows[start : start + CHUNK]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            raise DataError(f"{name}: row {row} of {len(rows)} is not finite (NaN or infinity); compute it again")


def check_widths(queries: NDArray[np.floating], gallery: NDArray[np.floating]) -> None:
    """Refuse embeddings of two spaces.

    Raises:
        DataError: the widths differ.
    """
    if queries.shape[1] != gallery.shape[1]:
        raise DataError(
            f"embeddings of one space have one width, found {queries.shape[1]} and {gallery.shape[1]}; "
            "embed both sides with the same encoder"
        )


def distinct(rows: NDArray[np.floating]) -> Distinct:
    """Find the distinct rows of a matrix [N, D] by a 128-bit hash of their bytes."""
    seen: dict[bytes, int] = {}
    first: list[int] = []
    of = np.empty(len(rows), np.int64)
    for number, row in enumerate(rows):
        of[number] = seen.setdefault(blake2b(row.tobytes(), digest_size=16).digest(), len(seen))
        if len(first) < len(seen):
            first.append(number)
    # Rows that all differ are not copied: they may be a file that is mapped.
    return Distinct(np.asarray(rows if len(first) == len(rows) else rows[first], np.float32), of)


def blocks(queries: NDArray[np.floating], vectors: NDArray[np.float32], chunk: int = CHUNK) -> Iterator[Block]:
    """Score queries [Q, D] of any float type against vectors [V, D], `chunk` rows at a time, in one buffer."""
    buffer = np.empty((min(chunk, len(queries)), len(vectors)), np.float32)
    for start in range(0, len(queries), chunk):
        some = np.asarray(queries[start : start + chunk], np.float32)
        scores = np.matmul(some, vectors.T, out=buffer[: len(some)])
        yield Block(slice(start, start + len(some)), scores)


def top_k(queries: NDArray[np.floating], gallery: NDArray[np.floating], k: int, chunk: int = CHUNK) -> Neighbours:
    """Find the k best gallery rows [G, D] per query [Q, D], best first, the lower row first among equals.

    k is cut to G.

    Raises:
        DataError: an embedding is not finite, or the widths differ.
    """
    check_rows("query embeddings", queries)
    check_rows("gallery embeddings", gallery)
    check_widths(queries, gallery)
    k = min(k, len(gallery))
    vectors, of = distinct(gallery)
    found = Neighbours(np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64))
    for rows, scores in blocks(queries, vectors, chunk):
        expanded = scores[:, of]
        found.rows[rows] = best_columns(expanded, k)
        found.scores[rows] = np.take_along_axis(expanded, found.rows[rows], axis=1)
    return found


def best_columns(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the k best columns [B, k] of scores [B, G], best first, the lower column first among equals."""
    chosen = scores >= _floor(scores, k)
    counts = np.count_nonzero(chosen, axis=1)
    if counts.sum() > _MAX_CHOSEN and len(scores) > 1:
        return np.concatenate([best_columns(half, k) for half in np.array_split(scores, 2)])
    queries, columns = np.divmod(np.flatnonzero(chosen), scores.shape[1])
    # Columns ascend within a query, and a stable sort keeps them so among equals.
    order = np.lexsort((-scores[queries, columns], queries))
    starts = np.cumsum(counts) - counts
    return columns[order[starts[:, None] + np.arange(k)]]


def _floor(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Return a score [B, 1] that at least k of each row of scores [B, G] reach, and few more unless they tie.

    The k-th best of the maxima over groups of columns is one, and costs a tenth of the k-th best of all.
    """
    groups = scores.shape[1] // _GROUP
    if groups < 4 * k:
        return np.partition(scores, -k, axis=1)[:, -k, None]
    maxima = scores[:, : groups * _GROUP].reshape(len(scores), _GROUP, groups).max(axis=1)
    return np.partition(maxima, -k, axis=1)[:, -k, None]
