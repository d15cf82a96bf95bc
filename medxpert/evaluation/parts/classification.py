"""How well scores tell each observation: AUROC and AUPRC of several contenders over the same bootstrap draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medxpert.metrics.areas import MIN_POSITIVES, estimator, precision_recall, roc
from medxpert.metrics.statistics import number_patients, resample
from medxpert.ontology import NEGATIVE, NO_FINDING, OBSERVATIONS, POSITIVE
from medxpert.tables.blocks import Block, Cell, Row, Shown, percent

AREAS = {"auroc": roc, "auprc": precision_recall}
MEAN = "mean"
"""Stands for the average over the measured observations other than No Finding."""
DIFFERENCE = "difference"
_SHORT = {"Enlarged Cardiomediastinum": "Enlarged Cardiomed."}
"""So that a row fits on a terminal."""
_NOTE = (
    "reference: the generator's truth where known, else the labels (unmentioned is negative, uncertain left out); "
    f"a constant answer has chance; under {MIN_POSITIVES} positives or negatives: too few; mean without No Finding"
)
_TITLES = {"auroc": "AUROC", "auprc": "AUPRC"}


def measure_areas(
    scores: Mapping[str, NDArray[np.floating]],
    labels: NDArray[np.int8],
    patients: Sequence[str],
    compared: tuple[str, str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Estimate the areas of every contender.

    Args:
        scores: contender -> finite scores [N, 14].
        labels: the reference, [N, 14]; only 1 and 0 count.
        patients: N patient ids.
        compared: two contenders, the second less the first being the difference.
        seed: of the bootstrap draws.

    Returns:
        JSON values: {"counts": {observation: {"positive", "negative"}}, "chance": {"auroc": {...}, "auprc": {...}},
        contender: {"auroc": {observation: cell, ..., "mean": cell}, "auprc": ...}, "difference": likewise}. A constant
        answer scores exactly chance. Observations with fewer than 20 positives or 20 negatives have counts only.
    """
    counts = _counts(labels)
    known = [place for place, count in enumerate(counts.values()) if min(count.values()) >= MIN_POSITIVES]
    figures: dict[str, Any] = {"counts": counts, "chance": {name: _chance(name, counts, known) for name in AREAS}}
    for name in AREAS:
        cells = _cells(name, scores, labels, patients, known, compared, seed) if known else {}
        for contender in [*scores, *([DIFFERENCE] if compared else [])]:
            figures.setdefault(contender, {})[name] = cells.get(contender, {})
    return figures


def _counts(labels: NDArray[np.int8]) -> dict[str, dict[str, int]]:
    return {
        name: {"positive": int((column == POSITIVE).sum()), "negative": int((column == NEGATIVE).sum())}
        for name, column in zip(OBSERVATIONS, labels.T, strict=True)
    }


def _chance(area: str, counts: Mapping[str, Mapping[str, int]], known: Sequence[int]) -> dict[str, float]:
    shares = {
        OBSERVATIONS[place]: 0.5 if area == "auroc" else count["positive"] / (count["positive"] + count["negative"])
        for place, count in enumerate(counts.values())
        if place in known
    }
    averaged = [share for name, share in shares.items() if name != NO_FINDING]
    return shares | ({MEAN: float(np.mean(averaged))} if averaged else {})


def _cells(
    area: str,
    scores: Mapping[str, NDArray[np.floating]],
    labels: NDArray[np.int8],
    patients: Sequence[str],
    known: Sequence[int],
    compared: tuple[str, str] | None,
    seed: int,
) -> dict[str, dict[str, Cell]]:
    """Return contender -> observation -> cell, all from the same draws."""
    numbers = number_patients(patients, len(labels))
    estimates = {
        name: estimator(AREAS[area], found[:, known], labels[:, known], numbers) for name, found in scores.items()
    }
    named = [OBSERVATIONS[place] for place in known]
    averaged = [place for place, name in enumerate(named) if name != NO_FINDING]

    def estimate(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        found = {name: _with_mean(one(counts), averaged) for name, one in estimates.items()}
        if compared:
            found[DIFFERENCE] = found[compared[1]] - found[compared[0]]
        return np.hstack(list(found.values()))

    cells = iter(resample(estimate, int(numbers.max()) + 1, seed=seed).named())
    columns = [*named, *([MEAN] if averaged else [])]
    return {
        name: {column: next(cells) for column in columns} for name in [*scores, *([DIFFERENCE] if compared else [])]
    }


def _with_mean(areas: NDArray[np.float64], averaged: Sequence[int]) -> NDArray[np.float64]:
    """Append to areas [b, C] the mean over some columns, of those that are defined in a draw."""
    if not averaged:
        return areas
    chosen = areas[:, averaged]
    defined = np.isfinite(chosen)
    with np.errstate(invalid="ignore"):
        mean = np.where(defined, chosen, 0).sum(axis=1, keepdims=True) / defined.sum(axis=1, keepdims=True)
    return np.hstack([areas, mean])


def area_blocks(
    figures: Mapping[str, Any], title: str, contenders: Sequence[str], main: str, told: str = ""
) -> Iterator[Block]:
    """Lay out one table per area: observations down, contenders across, the difference last.

    Args:
        figures: as `measure_areas` returns them.
        title: of the tables, such as "zero-shot".
        contenders: names in the figures, in order; each heads its column.
        main: the contender that the evaluation is about.
        told: what else a reader must know.
    """
    for area, heading in _TITLES.items():
        shown = {name: figures[name][area] for name in contenders}
        if DIFFERENCE in figures:
            shown["gain"] = figures[DIFFERENCE][area]
        chance = figures["chance"][area]
        titles = {**_SHORT, MEAN: f"mean of {len(chance.keys() - {MEAN, NO_FINDING})}"}
        rows = [
            _row(name, figures["counts"].get(name), chance.get(name), shown, main)._replace(name=titles.get(name, name))
            for name in (*OBSERVATIONS, MEAN)
            if name != MEAN or MEAN in chance
        ]
        note = "; ".join(filter(None, (_NOTE, told)))
        yield Block(f"{title} {heading}", note, ("pos/neg", "chance", *shown), tuple(rows), detail=area != "auroc")


def _row(
    name: str, count: Mapping[str, int] | None, chance: float | None, shown: Mapping[str, Mapping[str, Cell]], main: str
) -> Row:
    counted = Shown(f"{count['positive']}/{count['negative']}" if count else "")
    if chance is None:
        return Row(name, (counted, Shown("too few"), *(Shown("") for _ in shown)))
    cells = (
        percent(cells.get(name), signed=heading == "gain", decimals=0)
        if heading in (main, "gain")
        else _plain(cells[name])
        for heading, cells in shown.items()
    )
    kind: Literal["main", "reference"] = "main" if name == MEAN else "reference"
    return Row(name, (counted, Shown(f"{100 * chance:.0f}"), *cells), kind)


def _plain(cell: Cell) -> Shown:
    return percent({"value": cell["value"]})
