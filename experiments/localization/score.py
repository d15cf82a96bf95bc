"""How often the warmest place of a map lies in the finding: $ python experiments/localization/score.py split=test.

Prints two Markdown tables. `run=` names a run of the phantom, `most=` the films of each observation (in the order of
the split), `save=true` writes what the locator's notes quote, which is to be done with split=val only.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pointers import SIDE, film, trained, untrained

from medxpert.folders import write_json
from medxpert.locating.doubts import MEASURED
from medxpert.metrics.statistics import Intervals, bootstrap, number_patients, resample
from medxpert.models.inference import open_encoder
from medxpert.ontology import OBSERVATIONS
from medxpert.phantom.rendering import masks
from medxpert.run import Run, open_run

LARGEST = 0.1
"""Share of the picture above which a mask is left out: nearly any place would be right."""
PRIOR_FILMS = 3000
WAYS = ("map", "random weights", "usual place", "usual place, side known", "anywhere")
Masks = NDArray[np.bool_]


class Shown(NamedTuple):
    """One observation on one film: all findings of it."""

    row: int
    patient: str
    observation: str
    kinds: tuple[str, ...]
    sides: tuple[str, ...]
    mask: Masks


class Hit(NamedTuple):
    """Whether each of `WAYS` pointed into the finding, [5] in 0..1."""

    shown: Shown
    inside: NDArray[np.float64]


def shown_on(row: int, patient: str, truth: Mapping[str, Any], side: int = SIDE) -> list[Shown]:
    """Return the observations of one film whose mask is small enough."""
    found = masks(truth, side)
    findings = sorted(truth["image"]["findings"], key=lambda one: one["observation"])
    return [
        Shown(row, patient, name, tuple(one["kind"] for one in own), tuple(one["side"] for one in own), mask)
        for name, group in groupby(findings, key=lambda one: one["observation"])
        for own in [list(group)]
        for mask in [np.logical_or.reduce([found[one["kind"]] for one in own])]
        if 0 < mask.mean() <= LARGEST
    ]


def all_shown(run: Run, split: str, most: int) -> list[Shown]:
    """Return what the first `most` films of a split show."""
    cases = run.embeddings(split).cases
    rows = range(min(most, len(cases)))
    with ProcessPoolExecutor() as pool:
        found = pool.map(shown_on, rows, cases.patient_ids, cases.truths, chunksize=32)
        return [one for film in found for one in film]


class Prior(NamedTuple):
    """Where an observation is most often, of training films: (y, x) by observation, and by observation and side."""

    place: Mapping[str, tuple[int, int]]
    of_side: Mapping[tuple[str, frozenset[str]], tuple[int, int]]


def fit_prior(train: Sequence[Shown]) -> Prior:
    """Find the fixed points that would be right most often on training films."""

    def best(chosen: Iterable[Shown]) -> tuple[int, int]:
        y, x = np.unravel_index(int(np.sum([one.mask for one in chosen], axis=0).argmax()), (SIDE, SIDE))
        return int(y), int(x)

    names = {one.observation for one in train}
    sides = {(one.observation, frozenset(one.sides)) for one in train}
    return Prior(
        {name: best(one for one in train if one.observation == name) for name in names},
        {key: best(one for one in train if (one.observation, frozenset(one.sides)) == key) for key in sides},
    )


def pointed(path: Path, group: Sequence[Shown], truth: Mapping[str, Any], prior: Prior) -> list[Hit]:
    """Point at everything that one film shows, in every way."""
    pixels, hits = film(truth), []
    for one in group:
        places = (
            trained(path).at(pixels, one.observation),
            untrained(path).at(pixels, one.observation),
            prior.place[one.observation],
            prior.of_side.get((one.observation, frozenset(one.sides)), prior.place[one.observation]),
        )
        hits.append(Hit(one, np.array([*(float(one.mask[place]) for place in places), one.mask.mean()])))
    return hits


def measured(run: Run, split: str, most: int) -> list[Hit]:
    """Measure up to `most` films of each observation."""
    prior = fit_prior(all_shown(run, "train", PRIOR_FILMS))
    counts: Counter[str] = Counter()
    chosen = []
    for one in all_shown(run, split, sys.maxsize):
        counts[one.observation] += 1
        if counts[one.observation] <= most:
            chosen.append(one)
    films = [list(group) for _, group in groupby(chosen, key=lambda one: one.row)]
    truths = run.embeddings(split).cases.truths
    # Made once: processes that are forked inherit them.
    trained(run.path), untrained(run.path)
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(pointed, run.path, group, truths[group[0].row], prior) for group in films]
        return [hit for job in jobs for hit in job.result()]


def macro(hits: Sequence[Hit], difference: tuple[int, int]) -> Intervals:
    """Average over observations: both ways, and the first less the second; intervals over patients, [3]."""
    patients = number_patients([hit.shown.patient for hit in hits], len(hits))
    names = [name for name in OBSERVATIONS if any(hit.shown.observation == name for hit in hits)]
    sums = np.zeros((patients.max() + 1, len(names), 3))
    for patient, hit in zip(patients, hits, strict=True):
        sums[patient, names.index(hit.shown.observation)] += (*hit.inside[list(difference)], 1)

    def estimate(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        totals = np.einsum("bp,pnk->bnk", counts, sums)
        with np.errstate(invalid="ignore"):
            means = np.nanmean(totals[..., :2] / totals[..., 2:], axis=1)
        return np.column_stack([means, means[:, 0] - means[:, 1]])

    return resample(estimate, len(sums))


def table(hits: Sequence[Hit], names: Callable[[Shown], Iterable[str]]) -> Iterator[str]:
    """Yield the rows of a Markdown table, one per name that hits go by."""
    yield "| finding | films | " + " | ".join(WAYS) + " | map less usual place |"
    yield "|---" * (len(WAYS) + 3) + "|"
    for name in sorted({name for hit in hits for name in names(hit.shown)}):
        own = [hit for hit in hits if name in names(hit.shown)]
        found = _compared(own)
        cells = [f"{found.value[0]:.2f} ({found.low[0]:.2f} to {found.high[0]:.2f})"]
        cells += [f"{value:.2f}" for value in found.value[1:-1]]
        cells.append(f"{found.value[-1]:+.2f} ({found.low[-1]:+.2f} to {found.high[-1]:+.2f})")
        yield f"| {name} | {len(own)} | " + " | ".join(cells) + " |"


def _compared(hits: Sequence[Hit]) -> Intervals:
    """Return how often each of `WAYS` hits, and last the map less the usual place, [6]."""
    inside = np.stack([hit.inside for hit in hits])
    table = np.column_stack([inside, inside[:, 0] - inside[:, WAYS.index("usual place")]])
    return bootstrap(table, [hit.shown.patient for hit in hits])


def report(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield both tables and the averages over observations."""
    yield from table(hits, lambda one: (one.observation,))
    yield ""
    for number, way in enumerate(WAYS[1:], 1):
        told = [f"{v:.3f} ({low:.3f} to {high:.3f})" for v, low, high in zip(*macro(hits, (0, number)), strict=True)]
        yield f"All observations alike: map {told[0]}, {way} {told[1]}, difference {told[2]}."
    yield ""
    yield from table(hits, lambda one: set(one.kinds))


def save(hits: Sequence[Hit], architecture: str) -> None:
    """Write what the notes of the locator quote; `better` where the interval of the difference lies above 0."""
    facts = {}
    for name in OBSERVATIONS:
        own = [hit for hit in hits if hit.shown.observation == name]
        if own:
            found = _compared(own)
            rates = {"map": round(float(found.value[0]), 3), "usual_place": round(float(found.value[2]), 3)}
            facts[name] = {"films": len(own), **rates, "better": bool(found.low[-1] > 0)}
    write_json(MEASURED, {architecture: facts})


def main(arguments: Sequence[str]) -> None:
    """Score what the command line names."""
    told = {"run": "latest", "split": "test", "most": "100", "save": "false"}
    told |= dict(argument.split("=", 1) for argument in arguments)
    run = open_run(told["run"])
    hits = measured(run, told["split"], int(told["most"]))
    sys.stdout.write("\n".join(report(hits)) + "\n")
    if told["save"] == "true":
        save(hits, open_encoder(run.model).architecture.name)


if __name__ == "__main__":
    main(sys.argv[1:])
