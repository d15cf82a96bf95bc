"""What changed by observation: a table that says it in words, with a sign, and with numbers, and a CSV file of it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from medxpert.batch_table import line
from medxpert.comparison.course import CHANGED
from medxpert.comparison.told import POSSIBLE
from medxpert.documents import wording
from medxpert.reporting import Change, Verdict

_SIGNS = {"new": "+", "resolved": "✓", "worse": "▲", "better": "▼", "unchanged": "=", "unlikely": "·", "unknown": "?"}
_HEADS = ("Observation", "What became of it", "Earlier", "Now")
COLUMNS = (
    "observation", "change", "change_probability", "courses",
    "earlier", "earlier_probability", "earlier_evidence", "earlier_cases",
    "current", "current_probability", "current_evidence", "current_cases",
    "policy",
)  # fmt: skip


def parted(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Part what changed, or is on a film, from what neither film shows; each in order of importance."""
    ordered = wording.ordered(changes)
    told = [one for one in ordered if one.course not in ("", "unchanged") or _is_seen(one)]
    return told, [one for one in ordered if one not in told]


def _is_seen(change: Change) -> bool:
    return bool({change.before.status, change.now.status} & {"present", "uncertain"})


def table(changes: Sequence[Change]) -> str:
    """Return the markup of a table with a row for each change."""
    head = "".join(f'<th scope="col">{one}</th>' for one in _HEADS)
    return (
        f'<div class="mx-changes" tabindex="0" role="region" aria-label="Changes by observation"><table>'
        f"<caption>{escape(wording.CHANGES_NOTE)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(map(_row, changes))}</tbody></table></div>"
    )


def csv_of(changes: Sequence[Change], policy: str) -> str:
    """Write a row per change as CSV, the policy in each; no spreadsheet takes a cell for a formula.

    Rows are in the order of the tables on the page. Evidence is what a verdict rests on, cases are the studies that
    agree with it.
    """
    told, rest = parted(changes)
    return "".join(line(cells) for cells in (COLUMNS, *([*_cells(one), policy] for one in (*told, *rest))))


def _cells(change: Change) -> list[Any]:
    courses = "; ".join(f"{name} {_rounded(chance)}" for name, chance in change.courses.items())
    became = [_words(change), _rounded(change.probability), courses]
    return [change.observation, *became, *_evidence(change.before), *_evidence(change.now)]


def _evidence(told: Verdict) -> list[Any]:
    _, _, words = wording.verdict(told).partition(", ")
    return [words or wording.UNKNOWN, _rounded(told.probability), wording.basis(told), "; ".join(told.cases)]


def _rounded(chance: float | None) -> float | str:
    return "" if chance is None else round(chance, 4)


def _row(change: Change) -> str:
    before, now = (escape(_verdict(told)) for told in map(wording.verdict, (change.before, change.now)))
    cells = "".join(f"<td>{cell}</td>" for cell in (_course(change), before, now))
    return f'<tr><th scope="row">{escape(change.observation)}</th>{cells}</tr>'


def _course(change: Change) -> str:
    every = ", ".join(f"{name} {_percent(chance)}" for name, chance in change.courses.items())
    kind = _kind(change)
    chance = "" if change.probability is None else f" {_percent(change.probability)}"
    return (
        f'<span class="mx-course {kind}" title="{escape(every)}">'
        f'<i aria-hidden="true">{_SIGNS[kind]}</i>{_words(change)}{chance}</span>'
    )


def _words(change: Change) -> str:
    kind = _kind(change)
    return f"{kind}: {change.course}" if kind == "unlikely" else change.course or wording.UNKNOWN


def _kind(change: Change) -> str:
    """Return how a course is shown: below what the sentence above the table names, as no change."""
    if change.course in CHANGED and (change.probability or 0.0) < POSSIBLE:
        return "unlikely"
    return change.course or "unknown"


def _verdict(told: str) -> str:
    """Put what is said of one film before its probability: "present, left, mild (83 %)"."""
    number, _, words = told.partition(", ")
    return f"{words} ({_percent(float(number))})" if words else told


def _percent(chance: float) -> str:
    return f"{chance:.0%}".replace("%", " %")
