"""The figures of a split as tables, the same for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from medxpert.evaluation.result import SplitResult, abnormal_scope
from medxpert.evaluation.subject import ORACLE, PIXEL
from medxpert.evaluation.tables.columns import DIRECTIONS, LIKENESS, RECALLS
from medxpert.evaluation.tables.contenders import contenders
from medxpert.tables.blocks import DASH, Block, Cell, Row, Shown, Tables, percent

UNKNOWN_PATIENTS = "patients unknown, leakage possible"
_FEW_STUDIES = 1000
_MEANINGS = {
    "identity": "only the study's own",
    "same_text": "any with the same text",
    "deduplicated": "each distinct text once",
}


def tables(result: SplitResult) -> Tables:
    """Return the tables of a split: retrieval where texts are reports, then every part.

    Where nobody knows all patients, each table says so: studies of one may stand in training and here.
    """
    parts = [block for part in result.parts for block in part.blocks]
    blocks = [*_retrieval_blocks(result), *parts]
    facts = result.measured["cases", result.split]
    if facts["studies_without_patient"]:
        told = UNKNOWN_PATIENTS if facts["patients"] is None else f"some {UNKNOWN_PATIENTS}"
        blocks = [block._replace(note=f"{block.note}; {told}") for block in blocks]
    return Tables(heading(result), tuple(_notes(result)), tuple(blocks))


def heading(result: SplitResult) -> str:
    """Say in one line which split was measured, from what to what."""
    return f"{result.split} · {len(result.cases):,} studies · {' → '.join(result.subject.stages)}"


def _notes(result: SplitResult) -> list[str]:
    facts = result.measured["cases", result.split]
    counted = ", ".join(f"{count:,} {view}" for view, count in facts["views"].items())
    sections = ", ".join(f"{count:,} {section}" for section, count in facts["sections"].items())
    single = facts["images"] == facts["studies"]
    images = "one image a study, frontal first" if single else f"{facts['images']:,} images, averaged by study"
    patients = "unknown" if facts["patients"] is None else f"{facts['patients']:,}"
    lines = [
        f"{facts['studies']:,} studies of {patients} patients, {facts['unique_texts']:,} distinct texts "
        f"({sections}); {images}: {counted}.",
        f"Values in percent (MedR is a rank, MRR a fraction). Intervals: {facts['intervals']}.",
    ]
    if not result.scopes:
        lines.append("Texts are prompts written from labels: which of them is retrieved means nothing.")
    elif facts["abnormal"] is None:
        lines.append("No study has labels: no abnormal queries to measure, no clinical relevance.")
    else:
        lines.append("Label: a report that shares half of all positive observations or more (Jaccard 0.5) is right.")
    if facts["abnormal"] == 0:
        lines.append("No study is abnormal by its labels: no abnormal queries to measure.")
    if len(result.cases) < _FEW_STUDIES:
        lines.append(
            f"{len(result.cases):,} studies show large effects only: read the intervals, not the values. A claim needs "
            "thousands of studies and several seeds."
        )
    return lines + _training_notes(result) + _oracle_note(result)


def _training_notes(result: SplitResult) -> list[str]:
    if result.split == "train":
        return ["These studies were trained on: their figures say how well they were learnt by heart."]
    if result.subject.train is None:
        return [
            "No training studies: no pixel baseline, no check for leaks; similar cases are those of the split itself."
        ]
    return []


def _oracle_note(result: SplitResult) -> list[str]:
    scope = abnormal_scope(result.split)
    if not result.figures(ORACLE, scope):
        return []
    cells = result.figures(ORACLE, scope)["image_to_text"]["identity"]
    shares = ", ".join(f"{name} {100 * cells[key]['value']:.1f}" for name, key in RECALLS.items() if key in cells)
    return [f"The oracle knows what every image shows; abnormal image → text, identity: {shares}."]


def _retrieval_blocks(result: SplitResult) -> Iterator[Block]:
    for scope in result.scopes:
        relevances = tuple(_MEANINGS) if scope == result.split else ("identity",)
        for relevance in relevances:
            yield from (_retrieval_block(result, scope, direction, relevance) for direction in DIRECTIONS)
    for scope in result.scopes:
        if LIKENESS["P@5"] in result.figures(result.main, scope)["image_to_text"].get("label", {}):
            yield _label_block(result, scope)


def _retrieval_block(result: SplitResult, scope: str, direction: str, relevance: str) -> Block:
    note = _note(result, scope, direction, relevance, _MEANINGS[relevance])
    rows = tuple(_retrieval_rows(result, scope, direction, relevance))
    return Block(f"{DIRECTIONS[direction]} · {relevance}", note, (*RECALLS, "MedR", "MRR"), rows)


def _note(result: SplitResult, scope: str, direction: str, relevance: str, meaning: str) -> str:
    figures = result.figures(result.main, scope)
    queries, pool = (figures[key][direction][relevance] for key in ("queries", "pool"))
    who = "queries" if scope == result.split else "abnormal queries"
    return f"{queries:,} {who}, pool {pool:,}: {meaning}"


def _label_block(result: SplitResult, scope: str) -> Block:
    """Show how far the reports that come back say what the query's own report says."""
    chances = result.figures(result.main, scope)["chance"]["image_to_text"]["label"]
    chance = {name: {"value": value} for name, value in chances.items()}
    rows = [Row("chance", tuple(percent(chance.get(key)) for key in LIKENESS.values()))]
    for key, name, kind in contenders(result.subject):
        cells = result.figures(key, scope)["image_to_text"]["label"]
        rows.append(Row(name, tuple(percent(cells.get(metric)) for metric in LIKENESS.values()), kind))
    note = _note(result, scope, "image_to_text", "identity", "shared observations, the query's own report included")
    return Block("image → text · label", note, tuple(LIKENESS), tuple(rows))


def _retrieval_rows(result: SplitResult, scope: str, direction: str, relevance: str) -> Iterator[Row]:
    figures = result.figures(result.main, scope)
    chance = {metric: {"value": value} for metric, value in figures["chance"][direction][relevance].items()}
    yield Row("chance", _retrieval_cells(chance, {}))
    for key, name, kind in contenders(result.subject):
        figures = result.figures(key, scope)
        yield Row(name, _retrieval_cells(figures[direction][relevance], figures["ranks"][direction][relevance]), kind)
    for over, label in ((result.starting, "gain on start"), (PIXEL, "gain on pixels")):
        gains = result.gains(over, scope)
        if gains:
            yield Row(label, _retrieval_cells(gains[direction][relevance], {}, signed=True), "gain")


def _retrieval_cells(shares: Mapping[str, Cell], ranks: Mapping[str, Cell], signed: bool = False) -> tuple[Shown, ...]:
    recalls = (percent(shares.get(metric), signed) for metric in RECALLS.values())
    median = Shown(f"{ranks['median_rank']['value']:,.0f}") if "median_rank" in ranks else Shown(DASH)
    reciprocal = shares["mrr"]["value"]
    return (*recalls, median, Shown(f"{reciprocal:+.3f}" if signed else f"{reciprocal:.3f}", "", shares["mrr"]))
