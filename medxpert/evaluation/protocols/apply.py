"""The contenders of a split, measured as a published protocol measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.evaluation.protocols.classes import Balanced, accuracy, balanced, precisions
from medxpert.evaluation.protocols.protocol import Protocol, deviations, viewed
from medxpert.evaluation.subject import GIVEN, Part, Subject
from medxpert.evaluation.tables.columns import DIRECTIONS
from medxpert.evaluation.tables.contenders import contenders
from medxpert.metrics.ranking import Ranks, hits
from medxpert.metrics.retrieval import Ranked, pair, rank_pairs, tabulate
from medxpert.metrics.statistics import bootstrap
from medxpert.ontology import OBSERVATIONS
from medxpert.tables.blocks import Block, Row, percent

_ACCURACY = "accuracy"


class _Scores(NamedTuple):
    """What one contender reaches in one direction."""

    direction: str
    pool: int
    values: dict[str, NDArray[np.float64]]
    """Metric -> per study [n], NaN where the study does not ask."""
    chance: dict[str, NDArray[np.float64]]


class _Measured(NamedTuple):
    """All contenders on the studies that a protocol takes."""

    rows: NDArray[np.int64]
    """[n], of the split."""
    scores: dict[str, list[_Scores]]
    """Contender -> one per direction."""
    remarks: list[str]


def apply(
    subject: Subject, protocol: Protocol, seed: int = 0, ranked: Mapping[str, Sequence[Ranked]] | None = None
) -> Part:
    """Measure every contender as a protocol says, with intervals over patients.

    Args:
        subject: one split.
        protocol: what to do.
        seed: of the bootstrap draws; a set of classes is drawn with a seed of its own.
        ranked: contender -> what `rank_pairs` returned for the whole split, where it is at hand: saves time.

    Returns:
        Figures: contender -> {direction: {metric: {"value", "low", "high"}}}, "chance", "pool" and "queries" in the
        same arrangement, beside "stated", "source" and "remarks".

    Raises:
        ConfigError: no cutoff of the protocol is within the pool.
        DataError: the split lacks what the protocol needs (labels, frontal views, reports, studies of a class), or an
            embedding is not finite.
    """
    remarks = deviations(subject.cases, protocol, elsewhere=subject.main == GIVEN)
    by_class = protocol.positives == "class"
    measured = _by_class(subject, protocol) if by_class else _by_report(subject, protocol, ranked or {})
    patients = np.array(subject.cases.patient_ids)[measured.rows]
    main = measured.scores[subject.main]
    figures: dict[str, Any] = {
        "source": protocol.source,
        "stated": dict(protocol.stated),
        "remarks": measured.remarks + remarks,
        "pool": {one.direction: one.pool for one in main},
        "queries": {one.direction: _num_queries(one) for one in main},
        "chance": {one.direction: {name: float(np.nanmean(x)) for name, x in one.chance.items()} for one in main},
    }
    for key, scores in measured.scores.items():
        figures[key] = {one.direction: _cells(one.values, patients, seed) for one in scores}
    return Part(("protocol", protocol.name, subject.split), figures, tuple(_blocks(subject, protocol, figures)))


def _by_report(subject: Subject, protocol: Protocol, ranked: Mapping[str, Sequence[Ranked]]) -> _Measured:
    rows = viewed(subject.cases, protocol)
    texts = [subject.cases.texts[row] for row in rows]
    whole = len(rows) == len(subject.cases)
    scores = {}
    for key, _, _ in contenders(subject):
        image, text = (side if whole else side[rows] for side in subject.vectors[key])
        found = ranked[key] if whole and key in ranked else rank_pairs(pair(image, text, texts))
        scores[key] = [
            _recalls(one, protocol)
            for one in found
            if one.relevance == protocol.positives and one.direction in protocol.directions
        ]
    remarks = [] if whole else [f"{len(rows):,} of {len(subject.cases):,} studies are frontal."]
    return _Measured(rows, scores, remarks)


def _recalls(ranked: Ranked, protocol: Protocol) -> _Scores:
    within = protocol.within(ranked.ranks.pool)

    def recalls(ranks: Ranks) -> dict[str, NDArray[np.float64]]:
        return {f"recall@{k}": hit for k, hit in zip(within, hits(ranks, within).T, strict=True)}

    values = tabulate([ranked], lambda ranks: recalls(ordered(ranks, protocol.ties)))
    chance = tabulate([ranked], lambda ranks: recalls(ranks.at_chance()))
    names = [metric for _, _, metric in values.columns]
    tables = (dict(zip(names, table.values.T, strict=True)) for table in (values, chance))
    return _Scores(ranked.direction, ranked.ranks.pool, *tables)


def ordered(ranks: Ranks, ties: str) -> Ranks:
    """Put a relevant item first among those of its score ("optimistic"), last ("pessimistic"), or leave the tie."""
    if ties == "expected":
        return ranks
    others = ranks.tied - ranks.relevant_tied
    better = ranks.better if ties == "optimistic" else ranks.better + others
    return replace(ranks, better=better, tied=ranks.relevant_tied)


def _by_class(subject: Subject, protocol: Protocol) -> _Measured:
    chosen = balanced(subject.cases, protocol)
    scores = {
        key: [_class_scores(subject, key, direction, chosen, protocol) for direction in protocol.directions]
        for key, _, _ in contenders(subject)
    }
    classes = ", ".join(OBSERVATIONS[column] for column in np.unique(chosen.classes))
    few = f", not {protocol.per_class}: the rarest class has no more" if chosen.per_class < protocol.per_class else ""
    prompts = "Accuracy: the class of the best positive prompt, one prompt a class"
    scored = ", scores standardised by class over the studies" if protocol.standardised else ""
    return _Measured(
        chosen.rows, scores, [f"{chosen.per_class} studies each of {classes}{few}.", f"{prompts}{scored}."]
    )


def _class_scores(subject: Subject, key: str, direction: str, chosen: Balanced, protocol: Protocol) -> _Scores:
    image, text = (side[chosen.rows] for side in subject.vectors[key])
    forward = direction == "image_to_text"
    values, chance = precisions(*((image, text) if forward else (text, image)), chosen.classes, protocol)
    if forward and subject.prompts:
        chance[_ACCURACY] = np.full(len(image), 1 / len(protocol.classes))
        if key in subject.prompts:
            values[_ACCURACY] = accuracy(image, subject.prompts[key], chosen.classes, protocol)
    return _Scores(direction, len(image), values, chance)


def _num_queries(scores: _Scores) -> int:
    return int(np.isfinite(next(iter(scores.values.values()))).sum())


def _cells(values: Mapping[str, NDArray[np.float64]], patients: NDArray[np.str_], seed: int) -> dict[str, Any]:
    intervals = bootstrap(np.stack(list(values.values()), axis=1), patients, seed=seed)
    return dict(zip(values, intervals.named(), strict=True))


def _blocks(subject: Subject, protocol: Protocol, figures: Mapping[str, Any]) -> Iterator[Block]:
    """Yield a table per direction, the first with what the source states."""
    statement = " ".join(["", protocol.statement(), *figures["remarks"]])
    for direction, chance in figures["chance"].items():
        shown = {metric: {"value": value} for metric, value in chance.items()}
        rows = [Row("chance", tuple(percent(cell) for cell in shown.values()))]
        for key, name, kind in contenders(subject):
            cells = figures[key][direction]
            rows.append(Row(name, tuple(percent(cells.get(metric)) for metric in chance), kind))
        counts = f"{figures['queries'][direction]:,} queries, pool {figures['pool'][direction]:,}."
        columns = tuple(metric.replace("recall", "R").replace("precision", "P") for metric in chance)
        yield Block(f"{protocol.name} · {DIRECTIONS[direction]}", counts + statement, columns, tuple(rows))
        statement = ""
