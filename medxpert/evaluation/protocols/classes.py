"""Protocols on balanced sets of exclusive classes (5x200): precision@K of the class, and zero-shot accuracy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.errors import DataError
from medxpert.evaluation.protocols.protocol import Protocol, viewed
from medxpert.metrics.labels import label_retrieval
from medxpert.ontology import MISSING, NO_FINDING, OBSERVATIONS, POSITIVE, UNCERTAIN

MIN_PER_CLASS = 20
_SEED = 0
"""Of the draw: the set is the same in every evaluation of the same split."""


class Balanced(NamedTuple):
    """A set of n studies, the same number of each of C classes."""

    rows: NDArray[np.int64]
    """[n], rows of the split, ascending."""
    classes: NDArray[np.int64]
    """[n], the class of each as its column in `OBSERVATIONS`."""
    per_class: int


def balanced(cases: Cases, protocol: Protocol) -> Balanced:
    """Draw the studies that are positive for one class and for nothing else.

    Takes as many of each class as the rarest has, `protocol.per_class` at most.

    Raises:
        DataError: no study has labels, none has the view, or a class has fewer than 20 studies.
    """
    if not (cases.labels != MISSING).any():
        raise DataError(
            f"protocol {protocol.name} needs labels of {', '.join(protocol.classes)}, found none in the column labels; "
            "give labels or leave protocol= away"
        )
    members = _members(cases, protocol)
    rarest = min(members, key=lambda name: len(members[name]))
    take = min(protocol.per_class, len(members[rarest]))
    if take < min(MIN_PER_CLASS, protocol.per_class):
        raise DataError(
            f"protocol {protocol.name} needs {MIN_PER_CLASS} studies or more that are positive for one class alone, "
            f"found {take} of {rarest}; evaluate a larger split"
        )
    generator = np.random.default_rng(_SEED)
    drawn = np.concatenate([generator.choice(rows, take, replace=False) for rows in members.values()])
    order = np.argsort(drawn)
    columns = [OBSERVATIONS.index(name) for name in members]
    return Balanced(drawn[order], np.repeat(columns, take)[order], take)


def _members(cases: Cases, protocol: Protocol) -> dict[str, NDArray[np.int64]]:
    """Return the rows of the studies of each class."""
    rows = viewed(cases, protocol)
    labels = cases.labels[rows]
    others = set(protocol.classes if protocol.alone_among == "classes" else OBSERVATIONS) - {NO_FINDING}
    columns = [OBSERVATIONS.index(name) for name in others]
    disturbing = (POSITIVE, UNCERTAIN) if protocol.uncertain == "excluded" else (POSITIVE,)
    alone = np.isin(labels[:, columns], disturbing).sum(axis=1) == 1
    return {name: rows[alone & (labels[:, OBSERVATIONS.index(name)] == POSITIVE)] for name in protocol.classes}


class Precisions(NamedTuple):
    """precision@K per query, {"precision@5": [n]}."""

    values: dict[str, NDArray[np.float64]]
    chance: dict[str, NDArray[np.float64]]
    """Of a constant embedding."""


def precisions(
    queries: NDArray[np.floating], gallery: NDArray[np.floating], classes: NDArray[np.int64], protocol: Protocol
) -> Precisions:
    """Return the share of the best K gallery rows [n, D] that are of the class [n] of each query [n, D].

    Raises:
        ConfigError: no K of the protocol is within n.
    """
    labels = np.full((len(classes), len(OBSERVATIONS)), 0, np.int8)
    labels[np.arange(len(classes)), classes] = POSITIVE
    found = label_retrieval(queries, gallery, labels, labels, protocol.cutoffs)
    keys = {f"precision@{k}": f"label_precision@{k}" for k in protocol.within(len(classes))}
    return Precisions(
        {name: found.values[key] for name, key in keys.items()},
        {name: found.chance[key] for name, key in keys.items()},
    )


def accuracy(
    image: NDArray[np.floating], prompts: NDArray[np.floating], classes: NDArray[np.int64], protocol: Protocol
) -> NDArray[np.float64]:
    """Return per image [n, D] whether its class has the best positive prompt of prompts [14, 2, D].

    Classes that tie for the best share the hit.
    """
    columns = np.unique(classes)
    scores = image.astype(np.float32) @ prompts[columns, 0].astype(np.float32).T
    if protocol.standardised:
        scores = (scores - scores.mean(axis=0)) / np.maximum(scores.std(axis=0), np.finfo(np.float32).tiny)
    best = scores == scores.max(axis=1, keepdims=True)
    return np.where(best, columns == classes[:, None], 0).sum(axis=1) / best.sum(axis=1)
