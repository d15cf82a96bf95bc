"""Exact nearest neighbours of many queries, faster than all inner products.

Rows and queries are turned to directions of falling variance. The inner product over the first d of these, plus the
product of both remaining lengths, is never below the whole one (Cauchy and Schwarz); a row whose bound stays below the
k-th best score found so far is no neighbour and is not compared. The few others are compared in full. The remaining
lengths stand as one more column, so that one matrix product gives all bounds of a tile. Where the directions do not
fall off, all D columns serve as bounds. On processors that are fast in bfloat16 the bounds are products of bfloat16,
widened by what its rounding can change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.config.hardware import fast_precision
from medxpert.indexes import faiss_index
from medxpert.words import Neighbours

_SAMPLE = 8192
_FIRST = 8192
"""Rows compared in full, whose scores the first bounds are held against."""
_TILE = 32_768
"""Rows whose bounds are made at once: the products and faiss have threads of their own, which wait for one another."""
_AT_ONCE = 256
"""Queries whose bounds of a tile are held in memory, 32 MB of them."""
_KEPT_ENERGY = 0.97
_STEP = 32
"""Columns by which the number of directions grows."""
_WORTH = 0.6
"""Share of the D columns above which fewer columns save too little."""
_MOST_CANDIDATES = 0.03
"""Share of a tile's pairs above which comparing them one by one costs more than a matrix product of all."""
_ROUNDING = 2e-6
"""Of float32 sums, relative to the product of both lengths."""
_CANCELLED = 4e-6
"""Of a squared length, what the difference of two such may be wrong by in float32."""
_BF16_ROUNDING = 3.1 * 2.0**-8
"""Both factors and the product, each to 8 bits, and what these errors make together, relative to the product of both
lengths."""


class Directions(NamedTuple):
    """What bounds of N rows are made of.

    Attributes:
        basis: float32 [D, d], orthonormal columns; None where the rows themselves serve.
        rows: float32 [N, d + 1]: rows along the basis and the length of what remains; the rows themselves without one.
        longest: length of the longest of these.
        product: (queries [Q, W], rows [T, W]) -> [Q, T].
        rounding: how far below the truth a product may come out, relative to the product of both lengths.
    """

    basis: NDArray[np.float32] | None
    rows: NDArray[np.float32]
    longest: float
    product: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
    rounding: float


def directions(vectors: NDArray[np.float32], bf16: bool | None = None) -> Directions:
    """Prepare vectors [N, D] for `scan`.

    Args:
        vectors: they may be mapped into memory, and are read once.
        bf16: multiply in bfloat16; where that is fast if None.
    """
    lowered = fast_precision() != "32-true" if bf16 is None else bf16
    product, rounding = (_bf16_product, _BF16_ROUNDING) if lowered else (_product, _ROUNDING)
    basis = _basis(vectors)
    rows = vectors if basis is None else _along(vectors, basis)
    return Directions(basis, rows, _longest(rows), product, rounding)


def scan(queries: NDArray[np.float32], vectors: NDArray[np.float32], top_k: int, prepared: Directions) -> Neighbours:
    """Find the top_k of vectors [N, D] for queries [Q, D], as a comparison with all would."""
    starts = range(0, len(queries), _AT_ONCE)
    parts = [_scan(queries[start : start + _AT_ONCE], vectors, top_k, prepared) for start in starts]
    return Neighbours(*map(np.concatenate, zip(*parts, strict=True)))


def _scan(queries: NDArray[np.float32], vectors: NDArray[np.float32], top_k: int, prepared: Directions) -> Neighbours:
    best = _compared(queries, vectors[:_FIRST], top_k, 0)
    basis = prepared.basis
    asked = queries if basis is None else _along(queries, basis)
    slack = prepared.rounding * prepared.longest * np.sqrt(_squares(asked))
    for start in range(_FIRST, len(vectors), _TILE):
        part = prepared.rows[start : start + _TILE]
        bounds = prepared.product(asked, part)
        pairs = _at_least(bounds, best.scores[:, -1] - slack)
        if len(pairs) > _MOST_CANDIDATES * bounds.size:
            found = _compared(queries, vectors[start : start + _TILE], top_k, start)
        elif len(pairs):
            found = _pairs_compared(queries, vectors, pairs // len(part), start + pairs % len(part))
        else:
            continue
        best = _merged(best, found, top_k)
    return best


def _at_least(bounds: NDArray[np.float32], limits: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the flat places of bounds [Q, T] that reach their row's limit [Q]; few do."""
    reached = np.greater_equal(bounds, limits[:, None].astype(np.float32)).ravel()
    whole = len(reached) // 8 * 8
    # eight at a time
    eights = np.flatnonzero(reached[:whole].view(np.uint64))
    places = (eights[:, None] * 8 + np.arange(8)).ravel()
    return np.concatenate([places[reached[places]], whole + np.flatnonzero(reached[whole:])])


def _compared(queries: NDArray[np.float32], part: NDArray[np.float32], top_k: int, start: int) -> Neighbours:
    scores, rows = faiss_index.faiss.knn(queries, part, top_k, metric=faiss_index.faiss.METRIC_INNER_PRODUCT)
    missing = rows < 0
    return Neighbours(np.where(missing, -np.inf, scores), np.where(missing, -1, rows + start))


def _pairs_compared(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], asking: NDArray[np.int64], rows: NDArray[np.int64]
) -> Neighbours:
    """Compare query asking[i] with row rows[i]; both lists are in the order of the queries."""
    faiss = faiss_index.faiss
    counts = np.bincount(asking, minlength=len(queries))
    places = np.full((len(queries), counts.max()), -1, np.int64)
    places[asking, np.arange(len(asking)) - np.repeat(np.cumsum(counts) - counts, counts)] = rows
    scores = np.full(places.shape, -np.inf, np.float32)
    pointers = [faiss.swig_ptr(one) for one in (scores, queries, vectors, places)]
    faiss.fvec_inner_products_by_idx(*pointers, queries.shape[1], *places.shape)
    scores[places < 0] = -np.inf
    return Neighbours(scores, places)


def _merged(best: Neighbours, found: Neighbours, top_k: int) -> Neighbours:
    scores = np.concatenate([best.scores, found.scores], axis=1)
    rows = np.concatenate([best.rows, found.rows], axis=1)
    places = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
    return Neighbours(np.take_along_axis(scores, places, 1), np.take_along_axis(rows, places, 1))


def _basis(vectors: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the fewest directions that keep the wanted share of the squared lengths; None where that saves little."""
    sample = np.asarray(vectors[:: max(len(vectors) // _SAMPLE, 1)])
    energies, axes = np.linalg.eigh(sample.T @ sample)
    kept = np.cumsum(energies[::-1]) / max(energies.sum(), np.finfo(np.float32).tiny)
    needed = int(np.searchsorted(kept, _KEPT_ENERGY)) + 1
    count = -(-needed // _STEP) * _STEP - 1  # one column is the remaining length
    if count > _WORTH * vectors.shape[1]:
        return None
    return np.ascontiguousarray(axes[:, ::-1][:, :count], dtype=np.float32)


def _along(vectors: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return [N, d + 1]: the vectors along the basis, and the length of what remains of each."""
    turned = np.empty((len(vectors), basis.shape[1] + 1), np.float32)
    for start in range(0, len(vectors), _TILE):
        part = vectors[start : start + _TILE]
        place = turned[start : start + _TILE]
        place[:, :-1] = part @ basis
        squares = _squares(part)
        # what rounding may have taken from the difference is added, so that no bound is too low
        place[:, -1] = np.sqrt(np.maximum(squares - _squares(place[:, :-1]), 0) + _CANCELLED * squares)
    return turned


def _squares(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    squares: NDArray[np.float32] = np.einsum("nd,nd->n", rows, rows)
    return squares


def _longest(vectors: NDArray[np.float32]) -> float:
    """Return the length of the longest of vectors [N, D], reading them by tiles."""
    tiles = (vectors[start : start + _TILE] for start in range(0, len(vectors), _TILE))
    return float(np.sqrt(max(_squares(tile).max() for tile in tiles)))


def _product(queries: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    product: NDArray[np.float32] = queries @ rows.T
    return product


def _bf16_product(queries: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch

    asked, held = (torch.from_numpy(np.asarray(one)).bfloat16() for one in (queries, rows))
    product: NDArray[np.float32] = (asked @ held.T).float().numpy()
    return product
