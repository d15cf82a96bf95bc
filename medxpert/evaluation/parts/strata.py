"""Recall by what the studies are: normal or abnormal, view, section, length of the text, source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evaluation.parts.recalls import recalls
from medxpert.evaluation.subject import Part, Subject
from medxpert.evaluation.tables.columns import DIRECTIONS
from medxpert.metrics.retrieval import Ranked, nested, select, tabulate
from medxpert.metrics.statistics import bootstrap
from medxpert.ontology import MISSING, NEGATIVE, NO_FINDING, OBSERVATIONS, PATHOLOGIES, POSITIVE
from medxpert.tables.blocks import Block, Row, Shown, percent

MIN_QUERIES = 20
_RELEVANCES = ("identity", "deduplicated")
_COLUMNS = ("queries", "chance", "R@1", "R@10")
_NORMAL = OBSERVATIONS.index(NO_FINDING)
_DISEASES = [OBSERVATIONS.index(name) for name in PATHOLOGIES]

Groups = dict[str, dict[str, NDArray[np.bool_]]]
"""{group: {stratum: its studies [N]}}."""


def strata(subject: Subject, ranked: Sequence[Ranked], seed: int = 0) -> Part | None:
    """Measure the main contender on each stratum's queries against the whole gallery.

    Args:
        subject: one split.
        ranked: what `rank_pairs` returned for its main contender.
        seed: of the bootstrap draws.

    Returns:
        Figures: {group: {stratum: {"queries", direction: {relevance: {"recall@1": {"value", "low", "high"}, ...}},
        "chance": the same with plain numbers}}}, beside "left_out". None where no group has two strata.

    Raises:
        DataError: the ranks are not those of the split.
    """
    groups, left_out = _worth_telling(_groups(subject))
    if not groups:
        return None
    counted = [one for one in ranked if one.relevance in _RELEVANCES]
    patients = np.array(subject.cases.patient_ids)
    figures: dict[str, Any] = {
        group: {name: _measure(counted, studies, patients, seed) for name, studies in members.items()}
        for group, members in groups.items()
    }
    blocks = tuple(_block(figures, direction, left_out, len(patients)) for direction in DIRECTIONS)
    return Part(("strata", subject.split), figures | {"left_out": left_out}, blocks)


def _groups(subject: Subject) -> Groups:
    cases = subject.cases
    groups: Groups = {"labels": _by_labels(cases)}
    for column in ("view", "section", "source"):
        values = np.array([value or "unknown" for value in cases.column(column)])
        groups[column] = {name: values == name for name, _ in Counter(values.tolist()).most_common()}
    if subject.truncated is not None:
        groups["text"] = {"whole": ~subject.truncated, "cut short": subject.truncated}
    return groups


def _by_labels(cases: Cases) -> dict[str, NDArray[np.bool_]]:
    """Tell studies that are known to be normal from those of which only some diseases are denied."""
    labels, abnormal = cases.labels, cases.abnormal
    clear = (labels[:, _NORMAL] == POSITIVE) | (labels[:, _DISEASES] == NEGATIVE).all(axis=1)
    normal = clear & ~abnormal
    labelled = (labels != MISSING).any(axis=1)
    return {"normal": normal, "abnormal": abnormal, "other": labelled & ~abnormal & ~normal}


def _worth_telling(groups: Groups) -> tuple[Groups, list[str]]:
    """Split off the strata with too few queries and what stands alone in its group; say what and why."""
    kept: Groups = {}
    left_out: list[str] = []
    for group, members in groups.items():
        enough = {name: studies for name, studies in members.items() if studies.sum() >= MIN_QUERIES}
        left_out += [
            f"{group} {name} ({studies.sum()})" for name, studies in members.items() if 0 < studies.sum() < MIN_QUERIES
        ]
        if len(enough) > 1:
            kept[group] = enough
        else:
            left_out += [f"{group} {name} (alone)" for name in enough]
    return kept, left_out


def _measure(
    ranked: Sequence[Ranked], studies: NDArray[np.bool_], patients: NDArray[np.str_], seed: int
) -> dict[str, Any]:
    selected = select(ranked, studies)
    found = tabulate(selected, recalls)
    chance = tabulate(selected, lambda ranks: recalls(ranks.at_chance()))
    return {
        "queries": int(studies.sum()),
        **nested(found.columns, bootstrap(found.values, patients[studies], seed=seed).named()),
        "chance": nested(chance.columns, np.nanmean(chance.values, axis=0).tolist()),
    }


def _block(figures: Mapping[str, Any], direction: str, left_out: Sequence[str], pool: int) -> Block:
    rows = [
        Row(f"{group} {name}", _cells(measured, direction))
        for group, members in figures.items()
        for name, measured in members.items()
    ]
    note = f"each stratum's queries against all {pool:,} studies: only the own one; chance is R@10"
    if "labels" in figures:
        note += "; normal: No Finding, or every pathology denied; other: neither normal nor abnormal"
    if left_out:
        note += f"; left out (under {MIN_QUERIES} queries, or alone in the group): {', '.join(left_out)}"
    return Block(f"{DIRECTIONS[direction]} · strata", note, _COLUMNS, tuple(rows))


def _cells(measured: Mapping[str, Any], direction: str) -> tuple[Shown, ...]:
    found, chance = (cells[direction]["identity"] for cells in (measured, measured["chance"]))
    shown = (found["recall@1"], found["recall@10"])
    return (
        Shown(f"{measured['queries']:,}"),
        percent({"value": chance["recall@10"]}),
        *(percent(cell, decimals=0) for cell in shown),
    )
