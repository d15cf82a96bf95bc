"""Several models on one split: Recall@K side by side, and which paired differences survive Holm's correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import is_row_id
from medxpert.errors import ConfigError, DataError
from medxpert.evaluation.parts.recalls import recalls
from medxpert.evaluation.subject import Part, Subject
from medxpert.evaluation.tables.columns import DIRECTIONS, RECALLS
from medxpert.evaluation.tables.naming import short_names
from medxpert.metrics.correction import holm
from medxpert.metrics.paired import p_values
from medxpert.metrics.retrieval import Table, nested, pair, rank_pairs, tabulate
from medxpert.metrics.statistics import DRAWS, bootstrap, paired_difference
from medxpert.tables.blocks import Block, Row, Shown, percent
from medxpert.text import normalise

LEVEL = 0.05
_DRAWS_PER_COMPARISON = 200
"""So that the least p-value that the draws can give stays below the level after correction: M / (200 M + 1)."""
_ARROWS = {"image_to_text": "i→t", "text_to_image": "t→i"}
_BRIEF = {"identity": "identity", "deduplicated": "dedup"}

Contenders = Sequence[tuple[str, Subject]]


class _Compared(NamedTuple):
    """Contenders on the same N studies."""

    names: list[str]
    tables: list[Table]
    chance: Table
    patients: NDArray[np.str_]
    changed_texts: int
    """Studies whose text is not the same for all."""


def compare_runs(contenders: Contenders, seed: int = 0) -> Part:
    """Compare the main contenders of two or more subjects that hold the same studies, in any order.

    Figures: "recall" and "differences" hold {name: {direction: {relevance: {metric: {"value", "low", "high"}}}}},
    names of differences are "B - A"; a difference also holds "p" and "p_holm", corrected over all of them together.
    "deduplicated" is left out where some studies have another text in one subject than in another.

    Raises:
        ConfigError: there are fewer than two, or one is named twice.
        DataError: they do not hold the same studies, hold a study twice, or one has no study ids.
    """
    names = [name for name, _ in contenders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"compare= takes two or more different runs, found {', '.join(names) or 'none'}")
    compared = _measure(contenders)
    columns, first = compared.tables[0].columns, contenders[0][1]
    differences = _differences(compared, seed)
    figures: dict[str, Any] = {
        "runs": names,
        "studies": len(compared.patients),
        "changed_texts": compared.changed_texts,
        "chance": nested(columns, np.nanmean(compared.chance.values, axis=0).tolist()),
        "recall": {
            name: nested(columns, bootstrap(table.values, compared.patients, seed=seed).named())
            for name, table in zip(names, compared.tables, strict=True)
        },
        "differences": {f"{b} - {a}": nested(columns, cells) for (a, b), cells in differences.items()},
    }
    return Part(("comparison", first.split), figures, tuple(_blocks(compared, figures, differences)))


def _measure(contenders: Contenders) -> _Compared:
    first = contenders[0][1].cases
    texts: list[set[str]] = [set() for _ in range(len(first))]
    found = []
    for name, subject in contenders:
        rows = aligned(contenders[0], (name, subject))
        own = [subject.cases.texts[row] for row in rows]
        for seen, text in zip(texts, own, strict=True):
            seen.add(normalise(text))
        image, text = (side[rows] for side in subject.vectors[subject.main])
        found.append(rank_pairs(pair(image, text, own)))
    changed = sum(len(seen) > 1 for seen in texts)
    kept = ("identity",) if changed else tuple(_BRIEF)
    found = [[one for one in ranked if one.relevance in kept] for ranked in found]
    chance = tabulate(found[0], lambda ranks: recalls(ranks.at_chance()))
    tables = [tabulate(ranked, recalls) for ranked in found]
    return _Compared([name for name, _ in contenders], tables, chance, np.array(first.patient_ids), changed)


def aligned(reference: tuple[str, Subject], other: tuple[str, Subject]) -> NDArray[np.int64]:
    """Return the rows of the other subject that hold the studies of the reference, [N] in its order.

    Raises:
        DataError: the two do not hold the same studies, the other holds a study twice, or has no study ids.
    """
    (name, subject), (other_name, other_subject) = reference, other
    ids, other_ids = subject.cases.study_ids, other_subject.cases.study_ids
    made_up = sum(map(is_row_id, other_ids))
    if made_up:
        raise DataError(
            f"{other_name} has no study ids for {made_up:,} of {len(other_ids):,} rows; add a column study_id"
        )
    row_of = {study: row for row, study in enumerate(other_ids)}
    if len(row_of) < len(other_ids):
        twice = next(study for row, study in enumerate(other_ids) if row_of[study] != row)
        raise DataError(f"{other_name} holds study {twice} twice; a paired comparison needs each study once")
    if row_of.keys() != set(ids):
        lone = [study for study in ids if study not in row_of]
        lone_other = sorted(row_of.keys() - set(ids), key=row_of.__getitem__)
        who, study = (name, lone[0]) if lone else (other_name, lone_other[0])
        raise DataError(
            f"{name} holds {len(ids):,} studies of {subject.split}, {other_name} holds {len(other_ids):,} of "
            f"{other_subject.split}, not the same ones (only {who} has {study}); evaluate both on one split"
        )
    return np.array([row_of[study] for study in ids])


def _differences(compared: _Compared, seed: int) -> dict[tuple[str, str], list[dict[str, float]]]:
    """Estimate and test the later minus the earlier of every two, M cells each."""
    measured = dict(zip(compared.names, compared.tables, strict=True))
    pairs = list(combinations(compared.names, 2))
    columns = len(compared.chance.columns)
    gains = np.hstack([measured[b].values - measured[a].values for a, b in pairs])
    draws = max(DRAWS, _DRAWS_PER_COMPARISON * gains.shape[1])
    raw = p_values(gains, compared.patients, draws=draws, seed=seed)
    tests = np.stack([raw, holm(raw)], axis=1).reshape(len(pairs), columns, 2).tolist()
    result = {}
    for (a, b), tested in zip(pairs, tests, strict=True):
        cells = paired_difference(measured[b].values, measured[a].values, compared.patients, seed=seed).named()
        result[a, b] = [cell | {"p": p, "p_holm": h} for cell, (p, h) in zip(cells, tested, strict=True)]
    return result


def _blocks(
    compared: _Compared, figures: Mapping[str, Any], differences: Mapping[tuple[str, str], Any]
) -> Iterator[Block]:
    """Yield a table per direction and relevance, then one of p-values."""
    short = dict(zip(compared.names, short_names(compared.names), strict=True))
    keys = {(a, b): f"{b} - {a}" for a, b in differences}
    gains = {f"{short[b]} - {short[a]}": figures["differences"][key] for (a, b), key in keys.items()}
    legend = "; ".join(f"{name} is {full}" for full, name in short.items() if name != full)
    places = list(dict.fromkeys((direction, relevance) for direction, relevance, _ in compared.chance.columns))
    for direction, relevance in places:
        rows = [Row("chance", _cells(figures["chance"][direction][relevance], plain=True))]
        rows += [
            Row(short[name], _cells(figures["recall"][name][direction][relevance]), "main") for name in compared.names
        ]
        rows += [Row(name, _cells(cells[direction][relevance], signed=True), "gain") for name, cells in gains.items()]
        note = f"{len(compared.patients):,} studies; * significant after correction{f'. {legend}' if legend else ''}"
        yield Block(f"{DIRECTIONS[direction]} · {relevance}", note, tuple(RECALLS), tuple(rows))
        legend = ""
    yield _tests(compared, gains, places)


def _tests(compared: _Compared, gains: Mapping[str, Any], places: Sequence[tuple[str, str]]) -> Block:
    rows = [
        Row(
            f"{name} {_ARROWS[direction]} {_BRIEF[relevance]}",
            tuple(_p_value(cells[direction][relevance][metric]) for metric in RECALLS.values()),
            "gain",
        )
        for name, cells in gains.items()
        for direction, relevance in places
    ]
    count = len(rows) * len(RECALLS)
    note = (
        f"p after Holm (1979) over all {count} comparisons, before it in brackets; sign-flip permutation "
        f"test over patients, B = {max(DRAWS, _DRAWS_PER_COMPARISON * count):,} or all flips where these are fewer; "
        f"* below {LEVEL}"
    )
    if compared.changed_texts:
        note += (
            f". Texts differ in {compared.changed_texts:,} of {len(compared.patients):,} studies: they are compared as "
            "well as the models, and deduplicated figures cannot be paired"
        )
    return Block("paired tests", note, tuple(RECALLS), tuple(rows))


def _cells(values: Mapping[str, Any], signed: bool = False, plain: bool = False) -> tuple[Shown, ...]:
    cells = [{"value": values[metric]} if plain else values[metric] for metric in RECALLS.values()]
    shown = [percent(cell, signed) for cell in cells]
    return tuple(one._replace(value=one.value + _mark(cell)) for one, cell in zip(shown, cells, strict=True))


def _p_value(cell: Mapping[str, float]) -> Shown:
    return Shown(f"{cell['p_holm']:.3f}{_mark(cell)}", f"({cell['p']:.4f})")


def _mark(cell: Mapping[str, float]) -> str:
    return "*" if cell.get("p_holm", 1) < LEVEL else ""
