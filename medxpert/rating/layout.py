"""The figures of a reader study as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from medxpert.rating.agreeing import Agreement, Pair
from medxpert.rating.analysis import Analysis
from medxpert.rating.comparing import SECONDS, Difference, Summary
from medxpert.rating.ratings import OUTCOMES
from medxpert.rating.record import Study
from medxpert.rating.scales import scales
from medxpert.tables.blocks import DASH, Block, Row, Shown, Tables, percent

_TITLES = {one.name: one.title for one in OUTCOMES} | {SECONDS: "Seconds"}
_SHARES = {one.name for one in OUTCOMES if one.is_share}
_DETAILS = ("sign", "harmful")
"""Outcomes that other outcomes say already."""
_MEDIANS = ("correctness", "completeness", "harm", "sign", SECONDS)


def tables(study: Study, analysis: Analysis) -> Tables:
    """Lay an analysis out."""
    notes = (*analysis.notes, f"Design sha256 {study.sha256}.")
    return Tables(f"Reader study: {study.name}", notes, tuple(_blocks(analysis)))


def _blocks(analysis: Analysis) -> Iterator[Block]:
    names = list(dict.fromkeys(one.source for one in analysis.summaries))
    found = {(one.outcome, one.source): one for one in analysis.summaries}
    shown = [*(one.name for one in OUTCOMES if one.name not in _DETAILS), SECONDS]
    yield Block(
        "Sources",
        "mean over cases, with its interval over patients; shares in percent",
        tuple(_TITLES[name] for name in shown),
        tuple(Row(source, tuple(_mean(found[name, source]) for name in shown), "main") for source in names),
    )
    yield Block(
        "Sources, medians",
        "of single ratings, with their intervals over patients",
        (*(_TITLES[name] for name in _MEDIANS), "ratings", "cases", "readers"),
        tuple(Row(source, (*_medians(found, source),), "main") for source in names),
    )
    for outcome in [*shown, *_DETAILS]:
        yield _compared(outcome, [one for one in analysis.differences if one.outcome == outcome])
    yield Block(
        "Agreement",
        "of readers: mean weighted kappa over pairs, intraclass correlation of one reader and of the mean of all",
        ("kappa, linear", "kappa, quadratic", "ICC(2,1)", "ICC(2,k)", "reports", "readers"),
        tuple(map(_agreement, analysis.agreements)),
    )
    pairs = tuple(_pair(one, pair) for one in analysis.agreements for pair in (*one.pairs, *one.repeats))
    columns = ("kappa, linear", "kappa, quadratic", "equal", "reports")
    yield Block("Agreement of pairs", "of two readers, and of one with their own repetitions", columns, pairs, True)


def _mean(one: Summary) -> Shown:
    return percent(_cell(one.mean), decimals=0) if one.outcome in _SHARES else number(one.mean)


def _medians(found: Mapping[tuple[str, str], Summary], source: str) -> Iterator[Shown]:
    for name in _MEDIANS:
        yield number(found[name, source].median, decimals=0 if name == SECONDS else 1)
    one = found["correctness", source]
    for count in (one.num_ratings, one.num_cases, one.num_readers):
        yield Shown(str(count))


def _compared(outcome: str, found: list[Difference]) -> Block:
    note = "paired by case: first minus second, its interval over patients, then over patients and readers"
    columns = ("difference", "readers drawn, too", "p", "p (Holm)", "cases", "readers")
    return Block(f"Differences: {_TITLES[outcome]}", note, columns, tuple(map(_difference, found)), outcome in _DETAILS)


def _difference(one: Difference) -> Row:
    share = one.outcome in _SHARES
    scale = 100 if share else 1
    told = {name: scale * value for name, value in one.difference.items()}
    both = {name: scale * value for name, value in one.readers_too.items()}
    decimals = 1 if share or one.outcome == SECONDS else 2
    cells = (
        number(told, decimals, signed=True),
        Shown(_span(both, decimals) if both else DASH),
        Shown(_p(one.p)),
        Shown(DASH if one.p_holm is None else _p(one.p_holm)),
        Shown(str(one.num_cases)),
        Shown(str(one.num_readers)),
    )
    significant = one.p_holm is not None and one.p_holm <= 0.05
    return Row(f"{one.first} {chr(0x2212)} {one.second}", cells, "gain" if not significant else "main")


def _agreement(one: Agreement) -> Row:
    found = one.correlation
    title = next(scale.title for scale in scales() if scale.name == one.scale)
    cells = (
        number({"value": one.mean_linear}),
        number({"value": one.mean_quadratic}),
        number({"value": found.single, "low": found.single_low, "high": found.single_high}),
        number({"value": found.average, "low": found.average_low, "high": found.average_high}),
        Shown(str(found.num_targets)),
        Shown(str(found.num_readers)),
    )
    return Row(title, cells, "main")


def _pair(one: Agreement, pair: Pair) -> Row:
    title = next(scale.title for scale in scales() if scale.name == one.scale)
    who = f"{pair.first}, twice" if pair.first == pair.second else f"{pair.first}, {pair.second}"
    cells = (number(pair.linear), number(pair.quadratic), percent(_cell({"value": pair.exact})))
    return Row(f"{title}: {who}", (*cells, Shown(str(pair.num_reports))))


def _cell(values: Mapping[str, float]) -> Mapping[str, float] | None:
    return None if np.isnan(values["value"]) else values


def number(values: Mapping[str, float], decimals: int = 2, signed: bool = False) -> Shown:
    """Show a figure with its interval; a dash for either that is not known."""
    if np.isnan(values["value"]):
        return Shown(DASH)
    value = f"{values['value']:+.{decimals}f}" if signed else f"{values['value']:.{decimals}f}"
    return Shown(value, _span(values, decimals) if "low" in values else "")


def _span(values: Mapping[str, float], decimals: int) -> str:
    if np.isnan(values["low"]):
        return DASH
    ends = (f"{values[end]:.{decimals}f}" for end in ("low", "high"))
    return (" to " if values["low"] < 0 else DASH).join(ends)


def _p(value: float) -> str:
    if np.isnan(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
