"""The figures of a split as tables, the same for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from medxpert.evaluation.blocks import DASH, Block, Cell, Row, Shown, percent
from medxpert.evaluation.observations import DIRECTION, MIN_CASES, RELEVANCE
from medxpert.evaluation.result import ADAPTED, ORACLE, PIXEL, SplitResult, abnormal_scope
from medxpert.ontology import OBSERVATIONS

_FEW_STUDIES = 1000
_RECALLS = {"R@1": "recall@1", "R@5": "recall@5", "R@10": "recall@10"}
_LIKENESS = {"P@5": "label_precision@5", "P@10": "label_precision@10", "nDCG@10": "ndcg@10"}
_MEANINGS = {
    "identity": "only the study's own",
    "same_text": "any with the same text",
    "deduplicated": "each distinct text once",
}
_ARROWS = {"image_to_text": "image → text", "text_to_image": "text → image"}
_LABELS = {PIXEL: "pixel baseline", ORACLE: "oracle ceiling", ADAPTED: ADAPTED}


def blocks(result: SplitResult) -> list[Block]:
    """Return the tables of a split: retrieval for reports, observations for prompts."""
    return list(_retrieval_blocks(result) if result.kind == "report" else _observation_blocks(result))


def heading(result: SplitResult) -> str:
    """Say in one line which split was measured, from what to what."""
    return f"{result.split} · {len(result.cases):,} studies · {result.starting} → {ADAPTED}"


def notes(result: SplitResult) -> list[str]:
    """Say what the figures rest on."""
    facts = result.measured["cases", result.split]
    counted = ", ".join(f"{count:,} {view}" for view, count in facts["views"].items())
    sections = ", ".join(f"{count:,} {section}" for section, count in facts["sections"].items())
    single = facts["images"] == facts["studies"]
    images = "one image a study, frontal first" if single else f"{facts['images']:,} images, averaged by study"
    lines = [
        f"{facts['studies']:,} studies of {facts['patients']:,} patients, {facts['unique_texts']:,} distinct texts "
        f"({sections}); {images}: {counted}.",
        f"Values in percent (MedR is a rank, MRR a fraction). Intervals: {facts['intervals']}.",
    ]
    if result.kind == "prompt":
        lines += _prompt_notes(result)
    elif facts["abnormal"] is None:
        lines.append("No study has labels: no abnormal queries to measure, no clinical relevance.")
    else:
        lines.append("Label: a report that shares half of all positive observations or more (Jaccard 0.5) is right.")
    if facts["abnormal"] == 0:
        lines.append("No study is abnormal by its labels: no abnormal queries to measure.")
    return lines + _oracle_note(result)


def _prompt_notes(result: SplitResult) -> list[str]:
    counts = result.figures(ADAPTED, result.split)["counts"]
    enough = sum(min(count.values()) >= MIN_CASES for count in counts.values())
    lines = [
        f"Texts are prompts written from labels. AUROC: positive less negative prompt; {enough} of "
        f"{len(counts)} observations have {MIN_CASES} positives and {MIN_CASES} negatives.",
        "Label precision: retrieved texts whose observations overlap (Jaccard 0.5 or more). The constant answer is "
        "the split's commonest set of labels.",
    ]
    if len(result.cases) < _FEW_STUDIES:
        lines.append(
            f"{len(result.cases):,} studies show large effects only: read the intervals, not the values. A claim needs "
            "thousands of studies and several seeds."
        )
    return lines


def _oracle_note(result: SplitResult) -> list[str]:
    scope = abnormal_scope(result.split)
    if not result.figures(ORACLE, scope):
        return []
    cells = result.figures(ORACLE, scope)["image_to_text"]["identity"]
    shares = ", ".join(f"{name} {100 * cells[key]['value']:.1f}" for name, key in _RECALLS.items() if key in cells)
    return [f"The oracle knows what every image shows; abnormal image → text, identity: {shares}."]


def _retrieval_blocks(result: SplitResult) -> Iterator[Block]:
    for scope in result.scopes:
        relevances = tuple(_MEANINGS) if scope == result.split else ("identity",)
        for relevance in relevances:
            yield from (_retrieval_block(result, scope, direction, relevance) for direction in _ARROWS)
    for scope in result.scopes:
        if "label" in result.figures(ADAPTED, scope)["image_to_text"]:
            yield _label_block(result, scope)


def _retrieval_block(result: SplitResult, scope: str, direction: str, relevance: str) -> Block:
    note = _note(result, scope, direction, relevance, _MEANINGS[relevance])
    rows = tuple(_retrieval_rows(result, scope, direction, relevance))
    return Block(f"{_ARROWS[direction]} · {relevance}", note, (*_RECALLS, "MedR", "MRR"), rows)


def _note(result: SplitResult, scope: str, direction: str, relevance: str, meaning: str) -> str:
    figures = result.figures(ADAPTED, scope)
    queries, pool = (figures[key][direction][relevance] for key in ("queries", "pool"))
    who = "queries" if scope == result.split else "abnormal queries"
    return f"{queries:,} {who}, pool {pool:,}: {meaning}"


def _label_block(result: SplitResult, scope: str) -> Block:
    """Show how far the reports that come back say what the query's own report says."""
    adapted = result.figures(ADAPTED, scope)
    chance = {name: {"value": value} for name, value in adapted["chance"]["image_to_text"]["label"].items()}
    stages = {name: result.figures(name, scope)["image_to_text"]["label"] for name in (result.starting, ADAPTED)}
    rows = tuple(
        Row(
            name,
            tuple(percent(cells.get(key)) for key in _LIKENESS.values()),
            "main" if name == ADAPTED else "reference",
        )
        for name, cells in ({"chance": chance} | stages).items()
    )
    note = _note(result, scope, "image_to_text", "identity", "shared observations")
    return Block("image → text · label", note, tuple(_LIKENESS), rows)


def _retrieval_rows(result: SplitResult, scope: str, direction: str, relevance: str) -> Iterator[Row]:
    figures = result.figures(ADAPTED, scope)
    chance = {metric: {"value": value} for metric, value in figures["chance"][direction][relevance].items()}
    yield Row("chance", _retrieval_cells(chance, {}))
    brief = relevance != "identity"
    for name in (result.starting, ADAPTED) if brief else (PIXEL, result.starting, ADAPTED, ORACLE):
        figures = result.figures(name, scope)
        if figures:
            cells = _retrieval_cells(figures[direction][relevance], figures["ranks"][direction][relevance])
            yield Row(_LABELS.get(name, name), cells, "main" if name == ADAPTED else "reference")
    for over, label in ((result.starting, "gain on start"), (PIXEL, "gain on pixels")):
        gains = result.gains(over, scope)
        if gains and not (brief and over == PIXEL):
            yield Row(label, _retrieval_cells(gains[direction][relevance], {}, signed=True), "gain")


def _retrieval_cells(shares: Mapping[str, Cell], ranks: Mapping[str, Cell], signed: bool = False) -> tuple[Shown, ...]:
    recalls = (percent(shares.get(metric), signed) for metric in _RECALLS.values())
    median = Shown(f"{ranks['median_rank']['value']:,.0f}") if "median_rank" in ranks else Shown(DASH)
    reciprocal = shares["mrr"]["value"]
    return (*recalls, median, Shown(f"{reciprocal:+.3f}" if signed else f"{reciprocal:.3f}"))


def _observation_blocks(result: SplitResult) -> Iterator[Block]:
    before, after, gain = _label_cells(result)
    figures = result.figures(ADAPTED, result.split)
    columns = (result.starting, ADAPTED, "gain")
    rows = [_observation_row(name, figures["counts"][name], (before, after, gain)) for name in OBSERVATIONS]
    if "auroc_mean" in after:
        rows.append(Row("constant answer", (Shown(""), Shown("50.0"), Shown("50.0"), Shown(""))))
        rows.append(Row("mean", (Shown(""), *_compared("auroc_mean", (before, after, gain))), "main"))
    yield Block("zero-shot AUROC", "positives / negatives per observation", ("pos/neg", *columns), tuple(rows))
    chance, constant = (figures[key][DIRECTION][RELEVANCE] for key in ("chance", "constant"))
    rows = [
        Row(
            name.removeprefix("label_"),
            (_share(chance, name), _share(constant, name), *_compared(name, (before, after, gain))),
            "main",
        )
        for name in after
        if name.startswith("label_precision")
    ]
    yield Block("label precision", "image → text", ("chance", "constant", *columns), tuple(rows))


def _label_cells(result: SplitResult) -> tuple[dict[str, Cell], dict[str, Cell], dict[str, Cell]]:
    """Return the cells of the starting weights, of the adapted ones, and of the difference."""
    before, after = (result.figures(stage, result.split) for stage in (result.starting, ADAPTED))
    gain = result.gains(result.starting, result.split)
    return before[DIRECTION][RELEVANCE], after[DIRECTION][RELEVANCE], gain[DIRECTION][RELEVANCE]


def _observation_row(name: str, count: Mapping[str, int], cells: tuple[Mapping[str, Cell], ...]) -> Row:
    counted = Shown(f"{count['positive']}/{count['negative']}")
    if f"auroc/{name}" not in cells[0]:
        return Row(name, (counted, Shown("too few"), Shown("too few"), Shown("")))
    return Row(name, (counted, *_compared(f"auroc/{name}", cells)))


def _compared(metric: str, cells: tuple[Mapping[str, Cell], ...]) -> tuple[Shown, ...]:
    before, after, gain = (cell.get(metric) for cell in cells)
    return percent(before, decimals=0), percent(after, decimals=0), percent(gain, signed=True, decimals=0)


def _share(values: Mapping[str, float], metric: str) -> Shown:
    return Shown(f"{100 * values[metric]:.1f}")
