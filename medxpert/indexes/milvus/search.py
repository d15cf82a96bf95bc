"""Searching a collection under a mask, and finding out how thoroughly an approximate kind must look."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medxpert.indexes.milvus.collection import TUNED_AT, Collection, Graded, Kind, among, below, most_effort
from medxpert.words import Neighbours

if TYPE_CHECKING:
    from medxpert.indexes.tuning import Questions, Recall

_WIDEST = 1024
"""Neighbours asked for at most, to throw away those that are not allowed."""
_MOST_NAMED = 20_000
"""Rows named in one expression."""
_FEW = 1000
"""Rows that are fetched and compared here."""
_NUM_QUESTIONS = 200
_log = logging.getLogger(__name__)


def allowed_only(
    collection: Collection, how: Graded, queries: NDArray[np.float32], wanted: int, allowed: NDArray[np.bool_]
) -> Neighbours:
    """Find the best `wanted` rows for queries [Q, D] among the rows where allowed [N] is true.

    Most masks keep a good part of the rows: then more neighbours are asked for and some thrown away, which costs less
    than naming the rows. Only where too few are left are the allowed rows named, in several expressions if need be.
    Rows from N on, which the collection may hold as well, are never found.
    """
    num_allowed = int(allowed.sum())
    if not num_allowed or not len(queries):
        return _nothing(len(queries), wanted)
    enough = min(wanted, num_allowed)
    spare = len(allowed) - num_allowed
    wide = wanted + min(spare, 3 * wanted + 4 * wanted * spare // num_allowed)
    if wide <= max(_WIDEST, wanted):
        kept = _best([_without(collection.nearest(queries, wide, how), allowed)], wanted)
        if (kept.rows[:, enough - 1] >= 0).all():
            return kept
    if how.kind != "flat" and num_allowed <= _FEW:
        return _exact(collection, queries, wanted, np.flatnonzero(allowed))
    for effort in (how.harder(len(allowed) / num_allowed), how.harder(how.most)):
        found = _best([collection.nearest(queries, wanted, effort, only) for only in _expressions(allowed)], wanted)
        if how.kind == "flat" or (found.rows[:, enough - 1] >= 0).all():
            break
    return found


def _exact(collection: Collection, queries: NDArray[np.float32], wanted: int, rows: NDArray[np.int64]) -> Neighbours:
    """Compare queries [Q, D] here with the few rows [M] that are allowed, of which graphs and cells find too few."""
    vectors = collection.rows(rows.tolist())
    scores = queries @ np.stack([vectors[row] for row in rows.tolist()]).T
    part = Neighbours(scores, np.broadcast_to(rows, scores.shape))
    return _best([part, _nothing(len(queries), wanted)], wanted)


def _expressions(allowed: NDArray[np.bool_]) -> list[str]:
    if allowed.all():
        return [below(len(allowed))]
    rows = np.flatnonzero(allowed)
    return [among(rows[start : start + _MOST_NAMED]) for start in range(0, len(rows), _MOST_NAMED)]


def padded(found: Neighbours, top_k: int) -> Neighbours:
    """Add missing places up to top_k to neighbours [Q, K]."""
    missing = ((0, 0), (0, top_k - found.rows.shape[1]))
    return Neighbours(
        np.pad(found.scores, missing, constant_values=-np.inf), np.pad(found.rows, missing, constant_values=-1)
    )


def _nothing(num_queries: int, wanted: int) -> Neighbours:
    return Neighbours(np.full((num_queries, wanted), -np.inf, np.float32), np.full((num_queries, wanted), -1, np.int64))


def _without(found: Neighbours, allowed: NDArray[np.bool_]) -> Neighbours:
    """Empty the places of rows that are not allowed, or that the mask [N] does not know."""
    known = (found.rows >= 0) & (found.rows < len(allowed))
    passes = known & allowed[np.where(known, found.rows, 0)]
    return Neighbours(np.where(passes, found.scores, -np.inf).astype(np.float32), np.where(passes, found.rows, -1))


def _best(parts: list[Neighbours], wanted: int) -> Neighbours:
    """Return the best `wanted` of several lists per query; equal scores by row."""
    scores = np.concatenate([part.scores for part in parts], axis=1)
    rows = np.concatenate([part.rows for part in parts], axis=1)
    order = np.lexsort((rows, -scores), axis=1)[:, :wanted]
    return Neighbours(np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1))


def tune(
    collection: Collection, kind: Kind, vectors: NDArray[np.float32], recall: float, questions: Questions | None
) -> Graded:
    """Find the least effort that reaches a recall of the ten nearest, on questions that did not choose it.

    Args:
        collection: that holds the vectors.
        kind: of its index; a flat one needs no effort.
        vectors: [N, D].
        recall: that is wanted.
        questions: what stands for the queries to come; None to move some of the rows.
    """
    if kind == "flat":
        return Graded(kind)
    from medxpert.indexes.tuning import Truth, least_effort, questions_like

    most = most_effort(kind, len(vectors))
    halves = [_some(half) for half in (questions or questions_like(vectors, seed=0)).halves()]
    truths = [Truth(vectors, half, TUNED_AT) for half in halves]

    def measured(truth: Truth) -> Callable[[int], Recall]:
        asked = truth.questions.queries
        return lambda effort: truth.recall(
            collection.nearest(asked, TUNED_AT + 1, Graded(kind, effort, most)), TUNED_AT
        )

    effort, found, _ = least_effort(measured(truths[0]), measured(truths[1]), most, recall)
    if found < recall:
        _log.warning("index.kind=%s reaches recall %.3f, not index.recall=%s; use index.kind=flat", kind, found, recall)
    return Graded(kind, effort, most, found)


def _some(questions: Questions) -> Questions:
    """Return so few that asking them over a network a dozen times takes no minute."""
    return questions.some(0, _NUM_QUESTIONS)
