"""The jobs of a sweep side by side, best first: on the terminal and as sweep.csv."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from medxpert.folders import atomic_file
from medxpert.privacy import strictest
from medxpert.sweeping.outcomes import Outcome
from medxpert.tables.blocks import DASH, Block, Row, Shown, Tables, percent
from medxpert.tables.console import show
from medxpert.words import POLICIES

Values = Mapping[int, Mapping[str, str]]
"""Number of a job -> what was tried in it: swept key -> value."""

TABLE = "sweep.csv"
_LONG = 8
_SCORES = {"val R@10": 10, "R@1": 1}
_CAPTIONS = "val label F1"


def publish(sweep: Path, jobs: Sequence[Outcome], values: Values, files: Sequence[Path] = ()) -> None:
    """Write sweep.csv, print the table and name it and other files of the sweep.

    Raises:
        ConfigError: the file cannot be written.
    """
    axes = list(dict.fromkeys(axis for tried in values.values() for axis in tried))
    with atomic_file(sweep / TABLE) as sibling, sibling.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["rank", "job", *axes, "val_recall@10", "val_recall@1", "val_label_f1", "status", "reason", "policy"]
        )
        for rank, one in enumerate(jobs, start=1):
            tried = [values.get(one.number, {}).get(axis, "") for axis in axes]
            scores = [*(one.recall.get(k, "") for k in _SCORES.values()), "" if one.label_f1 is None else one.label_f1]
            place = rank if one.status == "finished" else ""
            rows.writerow([place, _name(one, sweep), *tried, *scores, one.status, one.reason, one.policy])
    policy = strictest([one.policy for one in jobs] or [POLICIES[0]])
    here = Path.cwd()
    paths = [path.relative_to(here) if path.is_relative_to(here) else path for path in (sweep / TABLE, *files)]
    show(tables(sweep, jobs, values, axes), policy, [str(path) for path in paths])


def tables(sweep: Path, jobs: Sequence[Outcome], values: Values, axes: Sequence[str]) -> Tables:
    """Lay out the jobs, best first."""
    rows = tuple(
        _row(place, one, sweep, values.get(one.number, {}), axes, _retrieve(jobs)) for place, one in enumerate(jobs)
    )
    columns = (*_short(axes), *(_SCORES if _retrieve(jobs) else (_CAPTIONS,)), "status")
    counts = Counter(one.status for one in jobs)
    note = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    reasons = [
        f"{_name(one, sweep)}: {' '.join(one.reason.split())}"
        for one in sorted(jobs, key=lambda one: one.number)
        if one.status == "failed"
    ]
    block = Block("Jobs", note, columns, rows)
    notes = (_RECALL if _retrieve(jobs) else _F1, *reasons)
    return Tables(f"Sweep {sweep.name}", notes, (block,))


_RECALL = "Validation recall in %, mean of both directions; the same study must be found."
_F1 = "Micro F1 in % of what captions of validation images say of the 14 observations."


def _retrieve(jobs: Sequence[Outcome]) -> bool:
    """Tell whether the jobs trained what retrieves, not what writes captions."""
    return all(one.label_f1 is None for one in jobs)


def _row(place: int, job: Outcome, sweep: Path, tried: Mapping[str, str], axes: Sequence[str], retrieves: bool) -> Row:
    rank = f"{place + 1}." if job.status == "finished" else ""
    told = [Shown(_rounded(tried.get(axis, DASH))) for axis in axes]
    recall = [percent({"value": job.recall[k]} if k in job.recall else None) for k in _SCORES.values()]
    written = [percent(None if job.label_f1 is None else {"value": job.label_f1})]
    scores = recall if retrieves else written
    kind: Literal["main", "reference"] = "main" if place == 0 and job.status == "finished" else "reference"
    return Row(f"{rank:3} {_name(job, sweep)}", (*told, *scores, Shown(job.status)), kind)


def _rounded(value: str) -> str:
    """Shorten a number that a search made up; what people type is short."""
    with suppress(ValueError):
        return f"{float(value):.3g}" if len(value) > _LONG else value
    return value


def _name(job: Outcome, sweep: Path) -> str:
    return job.folder.relative_to(sweep).as_posix()


def _short(axes: Sequence[str]) -> list[str]:
    """Shorten keys to their last word where that is enough to tell them apart."""
    last = Counter(axis.rpartition(".")[2] for axis in axes)
    return [short if last[short := axis.rpartition(".")[2]] == 1 else axis for axis in axes]
