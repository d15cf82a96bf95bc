"""Recall within random pools of 1,000 studies, which can be set beside other people's figures whatever the split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.evaluation.parts.recalls import recalls
from medxpert.evaluation.subject import Part, Subject
from medxpert.evaluation.tables.columns import DIRECTIONS
from medxpert.evaluation.tables.contenders import contenders
from medxpert.metrics.retrieval import Pairs, nested, pair, rank_pairs, tabulate
from medxpert.tables.blocks import Block, Row, Shown

POOL = 1000
DRAWS = 20
_SEED = 0
"""Of the pools: they are the same in every evaluation of the same split."""
_COLUMNS = {
    "R@1": ("identity", "recall@1"),
    "R@5": ("identity", "recall@5"),
    "R@10": ("identity", "recall@10"),
    "R@10 same": ("same_text", "recall@10"),
    "R@10 dedup": ("deduplicated", "recall@10"),
}


class _Spreads(NamedTuple):
    """{direction: {relevance: {metric: {"value", "sd"}}}} over the pools."""

    contender: dict[str, Any]
    chance: dict[str, Any]


def pools(subject: Subject, size: int = POOL, draws: int = DRAWS) -> Part | None:
    """Measure every contender in the same random pools; None where the split is no larger than one.

    Figures: contender or "chance" -> {direction: {relevance: {"recall@1": {"value", "sd"}, ...}}}, mean and standard
    deviation over the pools, beside "pool" and "draws".

    Raises:
        DataError: counts or widths differ, or an embedding is not finite.
    """
    if len(subject.cases) <= size:
        return None
    drawn = list(_draws(len(subject.cases), size, draws))
    figures: dict[str, Any] = {"pool": size, "draws": draws}
    for key, _, _ in contenders(subject):
        figures[key], figures["chance"] = _measure(pair(*subject.vectors[key], subject.cases.texts), drawn)
    return Part(("pools", subject.split), figures, tuple(_block(subject, figures, name) for name in DIRECTIONS))


def _draws(num_studies: int, size: int, draws: int) -> Iterator[NDArray[np.int64]]:
    generator = np.random.default_rng(_SEED)
    for _ in range(draws):
        yield np.sort(generator.choice(num_studies, size, replace=False))


def _measure(pairs: Pairs, drawn: Sequence[NDArray[np.int64]]) -> _Spreads:
    found, chance = [], []
    for rows in drawn:
        ranked = rank_pairs(_within(pairs, rows))
        found.append(tabulate(ranked, recalls))
        chance.append(tabulate(ranked, lambda ranks: recalls(ranks.at_chance())))
    columns = found[0].columns
    spreads = (_spread(np.array([np.nanmean(table.values, axis=0) for table in tables])) for tables in (found, chance))
    return _Spreads(*(nested(columns, cells) for cells in spreads))


def _within(pairs: Pairs, rows: NDArray[np.int64]) -> Pairs:
    texts, text_of = np.unique(pairs.text_of[rows], return_inverse=True)
    return Pairs(pairs.image[rows], pairs.text[texts], text_of)


def _spread(values: NDArray[np.float64]) -> list[dict[str, float]]:
    """Summarise values [draws, M] as M cells."""
    means, deviations = values.mean(axis=0).tolist(), values.std(axis=0, ddof=1).tolist()
    return [{"value": mean, "sd": deviation} for mean, deviation in zip(means, deviations, strict=True)]


def _block(subject: Subject, figures: Mapping[str, Any], direction: str) -> Block:
    rows = [Row("chance", _cells(figures["chance"][direction]))]
    rows += [Row(name, _cells(figures[key][direction]), kind) for key, name, kind in contenders(subject)]
    note = (
        f"{figures['draws']} random pools of {figures['pool']:,} studies, the same for all; mean ± standard deviation "
        "over pools, which is not the uncertainty over patients"
    )
    return Block(f"{DIRECTIONS[direction]} · fixed pool", note, tuple(_COLUMNS), tuple(rows))


def _cells(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> tuple[Shown, ...]:
    cells = (figures[relevance][metric] for relevance, metric in _COLUMNS.values())
    return tuple(Shown(f"{100 * cell['value']:.1f}", f"±{100 * cell['sd']:.1f}", cell) for cell in cells)
