"""The figures of questions as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from medxpert.evaluation.questions.score import CHANCE, OURS, TOLD, WORDS
from medxpert.tables.blocks import DASH, Block, Cell, Row, Shown, percent

_TITLES = {"presence": "yes/no", "side": "side", "severity": "severity", "change": "change"}
"""Kinds of the main table; four columns with intervals fit a terminal."""
_FORMS = {"presence": "plain", "presence_side": "with side", "presence_severity": "with grade"}
_FIGURES = {"precision": "precision", "recall": "recall", "f1": "F1"}
_NOTE = (
    "right answers in percent of questions that have one; each answer is equally frequent for every observation and "
    "wording; words alone: the commonest answer to the same question about validation patients; told the truth: "
    "answers from evidence that knows the image; as they occur: ours, if answers were as frequent as among the studies"
)
_MORE = "below, yes/no by what else is asked (nothing, the side, the grade), and how many pathologies there are"
_BASELESS = (
    '"cannot tell" among all questions, answerable or not; most of the latter show it in their words (other organs, '
    "laboratory values, treatment), the rest ask for the side or severity of what is absent, or for a change without "
    "a prior image"
)
_ERRORS = 12


def blocks(figures: Mapping[str, Any]) -> Iterator[Block]:
    """Lay out the figures that `score` returns."""
    yield Block("questions", _NOTE, tuple(_TITLES.values()), tuple(_main(figures)))
    yield _baseless(figures["unanswerable"])
    opened = f"F1 of the pathologies that answers to open questions assert {_plain(figures['open'] or None).value}"
    yield Block("questions, more", f"{opened}: {_MORE}", (*_FORMS.values(), "count"), tuple(_more(figures)))
    if figures["confidence"]:
        yield _confidence(figures["confidence"])
    observations = tuple(_observations(figures))
    yield Block("questions, each observation", "right answers", tuple(_TITLES.values()), observations, True)
    yield Block(
        "questions, reasons",
        'questions without an answer that get "cannot tell", by why they have none',
        (OURS, TOLD, WORDS),
        tuple(_reasons(figures["unanswerable"]["reasons"])),
        True,
    )
    if figures["errors"]:
        rows = tuple(map(_error, figures["errors"][:_ERRORS]))
        yield Block("questions, errors", "the most frequent, right → said", ("count", "example"), rows, True)


def _main(figures: Mapping[str, Any]) -> Iterator[Row]:
    accuracy, counts = figures["accuracy"], figures["counts"]
    yield Row("questions", tuple(Shown(f"{counts[kind]['questions']:,}") for kind in _TITLES))
    for name in (CHANCE, WORDS, OURS, TOLD):
        if name in accuracy:
            yield _row(name, accuracy[name], tuple(_TITLES), "main" if name == OURS else "reference")
    for title, key in (("as they occur", "natural"), ("cannot tell", "silent"), ("understood", "understood")):
        yield Row(title, tuple(_plain(figures[key].get(kind)) for kind in _TITLES))


def _more(figures: Mapping[str, Any]) -> Iterator[Row]:
    for name in (CHANCE, OURS, TOLD):
        cells = {**figures["forms"][name], "count": figures["accuracy"][name].get("count")}
        yield _row(name, cells, (*_FORMS, "count"), "main" if name == OURS else "reference")


def _row(name: str, cells: Mapping[str, Cell], keys: Sequence[str], kind: Literal["main", "reference"]) -> Row:
    if kind == "main":
        return Row(name, tuple(percent(cells.get(key), decimals=0) for key in keys), kind)
    return Row(name, tuple(_plain(cells.get(key)) for key in keys), kind)


def _plain(cell: Cell | None) -> Shown:
    return percent({"value": cell["value"]} if cell else None)


def _baseless(figures: Mapping[str, Any]) -> Block:
    rows = [
        _row(name, figures["figures"][name], tuple(_FIGURES), "main" if name == OURS else "reference")
        for name in (WORDS, OURS, TOLD)
        if name in figures["figures"]
    ]
    note = f"{figures['questions']:,} questions without an answer: {_BASELESS}"
    return Block("questions, cannot tell", note, tuple(_FIGURES.values()), tuple(rows))


def _confidence(figures: Mapping[str, Any]) -> Block:
    rows = [
        Row(
            _TITLES.get(name, name),
            (
                percent(one["ece"] or None, decimals=0),
                percent(one["ece_balanced"] or None, decimals=0),
                Shown(f"{one['answers']:,}"),
            ),
        )
        for name, one in figures.items()
    ]
    note = (
        "distance between the stated confidence and the share of right answers, 15 bins of equal mass: each weighed by "
        "how often its answer is the right one among the studies, and of these balanced questions"
    )
    return Block("questions, confidence", note, ("ECE", "balanced", "answers"), tuple(rows))


def _observations(figures: Mapping[str, Any]) -> Iterator[Row]:
    found = figures["observations"]
    for name in dict.fromkeys(name for kind in _TITLES for name in found.get(kind, {})):
        yield Row(name, tuple(_observation(found.get(kind, {}).get(name)) for kind in _TITLES))


def _observation(cells: Mapping[str, float] | None) -> Shown:
    if cells is None:
        return Shown(DASH)
    shown = percent({"value": cells[OURS]})
    return shown._replace(interval=f"of {cells['questions']:.0f}")


def _reasons(figures: Mapping[str, Mapping[str, Cell]]) -> Iterator[Row]:
    for reason in figures[OURS]:
        yield Row(reason, tuple(_plain(figures.get(name, {}).get(reason)) for name in (OURS, TOLD, WORDS)))


def _error(one: Mapping[str, Any]) -> Row:
    example = f"{one['true']} → {one['fault']}: {one['examples'][0]}"
    return Row(one["kind"], (Shown(str(one["count"])), Shown(example)))
