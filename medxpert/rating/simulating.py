"""Readers who are no people: they rate a study as stated effects say, so that its analysis can be tried out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from medxpert.rating.reading import Reading
from medxpert.rating.record import Given, Item
from medxpert.rating.scales import scales
from medxpert.rating.store import Studies

_CASE, _READER, _NOISE = 0.5, 0.35, 0.55
"""Standard deviations of the difficulty of cases, of readers' strictness, and of single ratings, in levels."""
_SECONDS = 45
_DOWNWARD = frozenset({"harm"})
"""Scales on which better is less."""


def simulate(
    studies: Studies, key: str, effects: Mapping[str, float], readers: int, seed: int = 0, missing: float = 0.0
) -> None:
    """Have simulated readers rate a study through the reader's own side of the store.

    A report's quality is the effect of its source, minus the case's difficulty, the reader's strictness and noise; it
    is cut into levels on every scale. What a source writes is never looked at: the true effects are known, and the
    ratings say nothing of any report.

    Args:
        studies: of a folder.
        key: of an open study.
        effects: source -> its quality, in levels from the middle of a scale.
        readers: how many.
        seed: of all draws.
        missing: share of its reports, at the end, that the last reader does not rate.
    """
    generator = np.random.default_rng(seed)
    case = _CASE * generator.standard_normal(studies.study(key).num_cases + 1)
    source = _sources(studies, key)
    for number in range(readers):
        strictness = _READER * generator.standard_normal()
        reading = Reading(studies, key, f"simulated-{number + 1}")
        left = round(missing * _total(reading)) if number == readers - 1 else 0
        while (item := reading.next()) is not None and item.total - item.done > left:
            reading.shown(item.item)
            quality = effects[source[item.case, item.text]] - case[item.case] - strictness
            reading.rate(item.item, _given(quality, generator))


def _total(reading: Reading) -> int:
    item: Item | None = reading.next()
    return item.total if item else 0


def _sources(studies: Studies, key: str) -> dict[tuple[int, object], str]:
    """Return whose a report is by its case and text."""
    return {(case, text): source for case, source, text in studies.shown(key)}


def _given(quality: float, generator: np.random.Generator) -> Given:
    told = {}
    for scale in scales():
        values = scale.values
        middle = (values[0] + values[-1]) / 2
        noisy = quality + _NOISE * generator.standard_normal()
        level = middle - noisy if scale.name in _DOWNWARD else middle + noisy
        told[scale.name] = int(np.clip(round(level), values[0], values[-1]))
    seconds = float(_SECONDS * np.exp(0.4 * generator.standard_normal()))
    return Given(told, "", datetime.now(UTC).isoformat(timespec="milliseconds"), seconds)
