"""The comparison section of a report, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from medxpert.comparison.course import CHANGED
from medxpert.reporting import Change

FIRM, POSSIBLE = 0.5, 0.2
"""A change at least this probable is told as one, or as an uncertain one."""
_WORDS: dict[str, Any] = json.loads(files("medxpert.comparison").joinpath("words.json").read_text("utf-8"))


def comparison_text(changes: Sequence[Change]) -> str:
    """Tell what changed since the prior image in a few sentences, the likeliest first.

    Changes of 50 % and more are stated, those from 20 % on are named as uncertain, each with its probability; the rest
    is summed up, except that what is present and did not change is named. Equal changes give equal text.

    Args:
        changes: as `course.changes` returns them.
    """
    if all(not one.course for one in changes):
        return str(_WORDS["nothing known"])
    return " ".join(_sentences(sorted(changes, key=lambda one: -_likelihood(one))))


def _sentences(changes: Sequence[Change]) -> Iterator[str]:
    moved = [one for one in changes if one.course in CHANGED]
    firm = [one for one in moved if _likelihood(one) >= FIRM]
    doubtful = [one for one in moved if FIRM > _likelihood(one) >= POSSIBLE]
    still = [one for one in changes if one.course == "unchanged"]
    seen = [one for one in still if "present" in (one.now.status, one.before.status)]
    if firm:
        yield _WORDS["changed"].format(_joined([f"the {_clause(one)}" for one in firm]))
    else:
        yield _WORDS["nothing certain" if doubtful else "nothing"]
    if doubtful:
        yield _WORDS["uncertain"].format(_joined([f"the {_clause(one)}" for one in doubtful]))
    if seen:
        yield _WORDS["unchanged"].format(_joined([f"the {_name(one)} ({_percent(one)})" for one in seen]))
    if firm or doubtful:
        yield _WORDS["others"]
    unknown = [_name(one) for one in changes if not one.course]
    if unknown:
        yield _WORDS["unknown"].format(_joined(unknown))


def _likelihood(change: Change) -> float:
    return change.probability or 0.0


def _clause(change: Change) -> str:
    number = "several" if change.observation in _WORDS["plural"] else "one"
    return f"{_name(change)} {_WORDS['courses'][change.course][number]} ({_percent(change)})"


def _name(change: Change) -> str:
    """Name an observation with its side, unless the images that show it name two."""
    told = {
        "new": {change.now.laterality},
        "resolved": {change.before.laterality},
    }.get(change.course, {change.now.laterality, change.before.laterality})
    sides = sorted(told - {""})
    return str(_WORDS["observations"][change.observation].format(side=f"{sides[0]} " if len(sides) == 1 else ""))


def _percent(change: Change) -> str:
    """Print a probability without claiming what no evidence gives: 100 %."""
    percent = round(100 * _likelihood(change))
    return f"{percent} %" if percent < 100 else "over 99 %"


def _joined(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
