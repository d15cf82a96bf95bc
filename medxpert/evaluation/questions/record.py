"""The questions and what they yield as CSV: a question set for others, and the figures of the tables."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medxpert.evaluation.questions.answered import Answered
from medxpert.folders import atomic_file, explained
from medxpert.words import Policy

ASKED, FIGURES = "questions_asked.csv", "questions.csv"
_ASKED = (
    *("split", "study", "prior", "question", "kind", "observation", "side", "severity", "template", "answerable"),
    *("answer", "reason", "understood_kind", "understood_observations", "value", "told", "confidence", "reply"),
    *("right", "policy"),
)
_FIGURES = ("split", "contender", "figure", "scope", "questions", "value", "low", "high", "policy")


def write_asked(path: Path, split: str, answers: Sequence[Answered], policy: Policy) -> None:
    """Write one row a question, in the place of the split's earlier ones.

    Raises:
        ConfigError: the file cannot be written.
    """
    _replace(path, _ASKED, split, (_asked(split, one, policy) for one in answers))


def write_figures(path: Path, split: str, figures: Mapping[str, Any], policy: Policy) -> None:
    """Write one row a figure that `score` returns, in the place of the split's earlier ones.

    Raises:
        ConfigError: the file cannot be written.
    """
    _replace(path, _FIGURES, split, ((split, *row, policy) for row in _rows(figures)))


def _replace(path: Path, header: Sequence[str], split: str, rows: Iterator[Sequence[Any]]) -> None:
    others = [row for row in _read(path, header) if row[0] != split]
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as sibling, sibling.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(others)
        writer.writerows(rows)


def _read(path: Path, header: Sequence[str]) -> list[list[str]]:
    """Return the rows of an earlier file; none where it is missing or has other columns."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        found, *rows = list(csv.reader(file)) or [[]]
    return [row for row in rows if row] if found == list(header) else []


def _asked(split: str, one: Answered, policy: Policy) -> tuple[Any, ...]:
    asked, found, reply = one.asked, one.understood, one.reply
    right = one.is_right if asked.answerable else not reply.answerable
    return (
        *(split, asked.study_id, asked.prior_id, asked.question, asked.kind, asked.observation, asked.side),
        *(asked.severity, asked.template, asked.answerable, asked.answer, asked.reason),
        *(found.kind, "; ".join(found.observations), reply.value, reply.answerable, reply.confidence, reply.answer),
        *("" if asked.kind == "open" else right, policy),
    )


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield contender, figure, scope, number of questions, value, low and high."""
    counts = {kind: one["questions"] for kind, one in figures["counts"].items()}
    for name, cells in figures["accuracy"].items():
        for kind, cell in cells.items():
            yield name, "accuracy", kind, counts[kind], *_ends(cell)
    for key in ("natural", "silent", "understood"):
        for kind, cell in figures[key].items():
            yield "ours", key, kind, counts[kind], *_ends(cell)
    if figures["open"]:
        yield "ours", "f1", "open", counts["open"], *_ends(figures["open"])
    for kind, observations in figures["observations"].items():
        for name, cells in observations.items():
            yield "ours", "accuracy", f"{kind}: {name}", cells["questions"], cells["ours"], "", ""
    baseless = figures["unanswerable"]
    for name, cells in baseless["figures"].items():
        for figure, cell in cells.items():
            yield name, figure, "unanswerable", baseless["questions"], *_ends(cell)
    for kind, one in figures["confidence"].items():
        for figure in ("ece", "ece_balanced"):
            if one[figure]:
                yield "ours", figure, kind, one["answers"], *_ends(one[figure])


def _ends(cell: Mapping[str, float]) -> tuple[Any, ...]:
    return cell["value"], cell.get("low", ""), cell.get("high", "")
