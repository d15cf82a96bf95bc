"""Similar cases as infer finds them: how far they share the query's observations, by what of them is compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import is_row_id
from medxpert.evaluation.baselines import frequent_vectors, oracle_vectors
from medxpert.evaluation.result import is_labelled, named_intervals
from medxpert.evaluation.subject import FREQUENT, ORACLE, Part, Placed, Subject
from medxpert.evaluation.tables.columns import LIKENESS
from medxpert.evaluation.tables.contenders import Contender, contenders
from medxpert.evaluation.tfidf import TfIdf
from medxpert.indexes.writing import DEFAULT_MATCH, MATCHES, Match, side_rows
from medxpert.metrics.labels import Owners, label_retrieval
from medxpert.metrics.statistics import bootstrap
from medxpert.ontology import POSITIVE
from medxpert.tables.blocks import Block, Cell, Row, Shown, percent

MAX_QUERIES = 1200
_SEED = 0
"""Of the queries that are drawn from a larger split: they are the same in every evaluation of it."""
_FEWEST = 10
_TERMS = 512
_SIDES: tuple[Match, Match] = ("image", "text")
CHANCE, CONSTANT, NEIGHBOUR, GAIN = "chance", "constant", "tfidf", "gain"
_NAMES = {CONSTANT: "constant answer", FREQUENT: "most frequent", NEIGHBOUR: "TF-IDF of its report"}


class _Pair(NamedTuple):
    """What one contender compares with what."""

    contender: str
    match: Match | None
    """What of the cases, where there is a choice."""
    queries: NDArray[np.floating]
    """[Q, D]"""
    gallery: NDArray[np.floating]
    """[G, D]"""


class _Measured(NamedTuple):
    """What a contender reaches per query, [Q, 3]; NaN where no case is relevant."""

    contender: str
    match: Match | None
    values: NDArray[np.float64]
    chance: NDArray[np.float64]


@dataclass(frozen=True)
class _Search:
    """Q studies of a split, and the G studies among which similar ones are looked for."""

    subject: Subject
    gallery: Placed
    rows: NDArray[np.int64]
    """The queries' rows in the split."""
    patients: NDArray
    """Of the queries, [Q]."""
    owners: Owners

    def measure(self, pair: _Pair) -> _Measured:
        found = label_retrieval(
            pair.queries,
            pair.gallery,
            self.subject.cases.labels[self.rows],
            self.gallery.cases.labels,
            (5, 10),
            owners=self.owners,
        )
        tables = (np.stack([one[name] for name in LIKENESS.values()], axis=1) for one in found)
        return _Measured(pair.contender, pair.match, *tables)


def similar_cases(subject: Subject, seed: int = 0) -> Part | None:
    """Measure the cases that each contender finds among the training studies, or in the split where there are none.

    A query's own patient is left out where it is known, else its own study. Of more than 1,200 studies, about 1,200 are
    asked about, by whole patients. None without labels, or with fewer than ten studies to search.

    Returns:
        Figures: {"queries", "searched": {split: count}, "image" and "text" for the queries' side: {"chance": {metric:
        share}, baseline: {metric: cell}, contender and "gain": {match: {metric: cell}}}}.

    Raises:
        DataError: counts or widths differ, or an embedding is not finite.
    """
    gallery = subject.train or Placed(subject.cases, subject.vectors)
    if len(gallery.cases) < _FEWEST or not (is_labelled(subject.cases) and is_labelled(gallery.cases)):
        return None
    rows = _asked(subject.cases.patient_ids)
    patients = np.array(subject.cases.patient_ids)[rows]
    search = _Search(subject, gallery, rows, patients, _owners(patients, gallery, subject))
    figures: dict[str, Any] = {
        "queries": len(rows),
        "searched": {"train" if subject.train else subject.split: len(gallery.cases)},
    }
    uninformed = [search.measure(pair) for pair in _uninformed(search)]
    for side in _SIDES:
        placed = [search.measure(pair) for pair in _placed(search, side)]
        figures[side] = _figures([*uninformed, *placed], search, seed)
    blocks = tuple(_block(search, side, figures) for side in _SIDES)
    return Part(("similar", subject.split), figures, blocks)


def _asked(patients: Sequence[str]) -> NDArray[np.int64]:
    """Choose whole patients until there are at least `MAX_QUERIES` rows, or all."""
    numbers = np.unique(patients, return_inverse=True)[1]
    order = np.random.default_rng(_SEED).permutation(numbers.max() + 1)
    enough = np.searchsorted(np.cumsum(np.bincount(numbers)[order]), MAX_QUERIES) + 1
    return np.flatnonzero(np.isin(numbers, order[:enough]))


def _owners(patients: NDArray, gallery: Placed, subject: Subject) -> Owners:
    """Return whose the queries and the cases are; numbers of the rows of two splits are never the same patient."""
    if subject.train is None:
        return Owners(patients, gallery.cases.patient_ids)
    # no patient has an empty id: a query of an unknown one owns nothing
    return Owners(np.array(["" if is_row_id(one) else one for one in patients]), gallery.cases.patient_ids)


def _left_out(search: _Search) -> str:
    """Say what of a query's own is left out."""
    asking, held = ([not is_row_id(one) for one in ids] for ids in (search.patients, search.gallery.cases.patient_ids))
    if all(asking) and all(held):
        return "own patient left out"
    known = any(asking) and any(held)
    if search.subject.train is None:
        return "own patient left out where known, else the own study" if known else "own study left out"
    return "own patient left out where known" if known else "own patient unknown"


def _uninformed(search: _Search) -> Iterator[_Pair]:
    """Yield what finds cases without looking at the query, or only at its own report."""
    cases, gallery, rows = search.subject.cases, search.gallery.cases, search.rows
    anything = np.ones((len(rows), 1), np.float32)
    _, pattern_of, copies = np.unique(gallery.labels == POSITIVE, axis=0, return_inverse=True, return_counts=True)
    yield _Pair(CONSTANT, None, anything, (pattern_of == copies.argmax()).astype(np.float32)[:, None])
    yield _Pair(FREQUENT, None, anything, frequent_vectors(gallery).text)
    terms = TfIdf(gallery.texts, _TERMS)
    held = terms(gallery.texts)
    if held.shape[1]:
        yield _Pair(NEIGHBOUR, None, terms([cases.texts[row] for row in rows]), held)


def _placed(search: _Search, side: Match) -> Iterator[_Pair]:
    """Yield what compares the queries' images or texts with the gallery's images, texts and both."""
    subject, rows = search.subject, search.rows
    for key, _, _ in contenders(subject):
        if key in search.gallery.vectors and key not in (FREQUENT, ORACLE):
            queries = side_rows(subject.vectors[key], side)[rows]
            for match in MATCHES:
                yield _Pair(key, match, queries, side_rows(search.gallery.vectors[key], match))
    known = oracle_vectors(search.gallery.cases) if ORACLE in subject.vectors else None
    if known is not None:
        queries = side_rows(subject.vectors[ORACLE], side)[rows]
        yield _Pair(ORACLE, side, queries, side_rows(known, side))


def _figures(measured: Sequence[_Measured], search: _Search, seed: int) -> dict[str, Any]:
    """Estimate everything with intervals, and the gain of the main contender on the weights it started from."""
    names, subject = list(LIKENESS.values()), search.subject
    chance = zip(names, measured[0].chance.T, strict=True)
    figures: dict[str, Any] = {
        CHANCE: {name: float(np.nanmean(column)) for name, column in chance if np.isfinite(column).any()}
    }
    values = {(one.contender, one.match): one.values for one in measured}
    for side in MATCHES:
        if subject.starting and (subject.starting, side) in values:
            values[GAIN, side] = values[subject.main, side] - values[subject.starting, side]
    for (contender, match), table in values.items():
        cells = named_intervals(names, bootstrap(table, search.patients, seed=seed))
        if match is None:
            figures[contender] = cells
        else:
            figures.setdefault(contender, {})[match] = cells
    return figures


def _block(search: _Search, side: Match, figures: Mapping[str, Any]) -> Block:
    rows = tuple(_rows(search.subject, figures[side]))
    ((where, count),) = figures["searched"].items()
    note = f"{figures['queries']:,} {side}s ask for similar ones of {count:,} {where} studies, {_left_out(search)}"
    return Block(f"similar cases · {side} query", note, tuple(LIKENESS), rows, detail=side != "image")


def _rows(subject: Subject, found: Mapping[str, Any]) -> Iterator[Row]:
    yield Row(CHANCE, _cells({name: {"value": value} for name, value in found[CHANCE].items()}))
    for key, name in _NAMES.items():
        if key in found:
            yield Row(name, _cells(found[key]))
    for key, name, _ in [*contenders(subject), Contender(GAIN, "gain on start", "reference")]:
        for match, cells in found.get(key, {}).items() if key not in _NAMES else ():
            row = Row(f"{name} · {match}", _cells(cells, signed=key == GAIN))
            main = key == subject.main and match == DEFAULT_MATCH
            yield row._replace(kind="gain" if key == GAIN else "main" if main else "reference")


def _cells(cells: Mapping[str, Cell], signed: bool = False) -> tuple[Shown, ...]:
    return tuple(percent(cells.get(name), signed) for name in LIKENESS.values())
