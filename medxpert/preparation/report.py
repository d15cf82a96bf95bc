"""The data report: what was written, what was not and why, as Markdown, HTML and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medxpert.folders import atomic_file, write_json
from medxpert.ontology import OBSERVATIONS
from medxpert.report import NOTICE
from medxpert.tables.blocks import DASH, Block, Row, Shown, Tables
from medxpert.tables.formats import markdown
from medxpert.tables.page import write_page

NAME = "data_report"
_LISTED = 20
_MB = 1e6


def write_report(
    folder: Path, report: Mapping[str, Any], provenance: Mapping[str, Any], figures: Mapping[Path, str]
) -> list[Path]:
    """Write data_report.json, .md and .html.

    Args:
        folder: where.
        report: JSON values, see `tables_of`.
        provenance: how the data were prepared; with a policy.
        figures: PNG file -> caption, for the page.

    Raises:
        ConfigError: a file cannot be written.
    """
    found = tables_of(report)
    bound = found._replace(notes=(*found.notes, f"Policy: {provenance['policy']}. {NOTICE}"))
    paths = [folder / f"{NAME}.{ending}" for ending in ("json", "md", "html")]
    write_json(paths[0], {**report, "provenance": dict(provenance)})
    with atomic_file(paths[1]) as sibling:
        sibling.write_text(markdown(bound), encoding="utf-8")
    write_page(paths[2], found, provenance, figures)
    return paths


def tables_of(report: Mapping[str, Any]) -> Tables:
    """Lay the report out.

    Args:
        report: {"splits": {split: `facts.split_facts`}, "duplicates", "rejected": {reason: count}, "leaks", "listed",
            "suspicious", "made"}.
    """
    splits = report["splits"]
    studies = sum(one["studies"] for one in splits.values())
    images = sum(one["images"] for one in splits.values())
    blocks = [
        _counts(splits),
        _table("views of images", "by split", splits, lambda one: one["views"]),
        _table(
            "sections of reports",
            "studies by split",
            splits,
            lambda one: {name.replace("_", " "): count for name, count in one["sections"].items()},
        ),
        _tokens(splits),
        _duplicates(report),
        _labels(splits),
        _table("sources", "studies by split", splits, lambda one: one["sources"]),
        _leaks(report),
        _rejected(report["rejected"], report["examples"]),
        *_suspicious(report["suspicious"]),
        _made(report["made"]),
    ]
    return Tables(f"{studies:,} studies, {images:,} images prepared", tuple(_notes(report)), tuple(blocks))


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    unknown = report["leaks"]["studies_without_patient"]
    if unknown:
        yield f"The patients of {unknown:,} studies are unknown: one may stand in two splits, leakage is possible."
    yield "Counts are of what was written, all views included; a missing or broken image is counted as rejected."
    yield "Identity Recall@1 cannot exceed its ceiling: no encoder can tell equal texts, or equal images, apart."


def _counts(splits: Mapping[str, Any]) -> Block:
    rows = [_row(name, splits, lambda one, name=name: one[name]) for name in ("studies", "images", "patients")]
    return Block("what was written", "by split", tuple(splits), tuple(rows))


def _table(title: str, note: str, splits: Mapping[str, Any], of: Any) -> Block:
    names = dict.fromkeys(name for one in splits.values() for name in of(one))
    rows = [_row(name, splits, lambda one, name=name: of(one).get(name, 0)) for name in names]
    return Block(title, note, tuple(splits), tuple(rows))


def _tokens(splits: Mapping[str, Any]) -> Block:
    limit = next(iter(splits.values()))["tokens"]["limit"]
    shown = {"quantile_0.5": "median", "quantile_0.9": "90 %", "quantile_0.99": "99 %", "max": "longest"}
    rows = [_row(name, splits, lambda one, key=key: round(one["tokens"][key])) for key, name in shown.items()]
    rows.append(_row(f"longer than {limit}", splits, lambda one: one["tokens"]["cut"]))
    rows.append(_row("... in %", splits, lambda one: _percent(one["tokens"]["cut"], one["studies"])))
    return Block("lengths of texts", f"tokens of the longest section; CLIP reads {limit}", tuple(splits), tuple(rows))


def _duplicates(report: Mapping[str, Any]) -> Block:
    columns = {**{split: one["duplicates"] for split, one in report["splits"].items()}, "all": report["duplicates"]}
    ceiling = "identity_recall@1_ceiling"
    rows = [
        _row("distinct texts", columns, lambda one: one["distinct"]),
        _row("repeated texts", columns, lambda one: one["texts"]),
        _row("studies with the commonest", columns, lambda one: one["most_frequent"]),
        _row("ceiling of identity R@1 in %", columns, lambda one: f"{100 * one[ceiling]:.1f}", "main"),
    ]
    return Block("duplicates", "texts equal but for case and white space", tuple(columns), tuple(rows))


def _labels(splits: Mapping[str, Any]) -> Block:
    rows = [
        _row(name, splits, lambda one, name=name: _label(one["labels"][name], one["studies"])) for name in OBSERVATIONS
    ]
    return Block("labels", "positive in % / uncertain in % of the studies", tuple(splits), tuple(rows))


def _label(counts: Mapping[str, int], studies: int) -> str:
    return f"{_percent(counts['positive'], studies)} / {_percent(counts['uncertain'], studies)}"


def _leaks(report: Mapping[str, Any]) -> Block:
    leaks = report["leaks"]
    rows = [
        Row(f"{what} in two splits", (_shown(leaks[what]), Shown(_named(report["listed"][what]))), "main")
        for what in ("patients", "images")
    ]
    note = f"found among all studies; training studies dropped: {leaks['dropped']:,}"
    return Block("leaks", note, ("found", "such as"), tuple(rows))


def _named(listed: Sequence[Mapping[str, Any]] | None) -> str:
    if not listed:
        return "unknown" if listed is None else "none"
    told = [f"{one['name'][:12]} ({', '.join(one['splits'])})" for one in listed[:3]]
    return "; ".join(told) + ("; ..." if len(listed) > len(told) else "")


def _rejected(rejected: Mapping[str, int], examples: Mapping[str, str]) -> Block:
    rows = [Row(reason, (_shown(count), Shown(examples[reason]))) for reason, count in rejected.items()]
    rows = rows or [Row("nothing", (_shown(0), Shown("")))]
    return Block("rejected", "all of them are in rejected.csv", ("count", "the first"), tuple(rows))


def _suspicious(suspicious: Sequence[Sequence[str]]) -> Iterator[Block]:
    if suspicious:
        rows = [Row(study, (Shown(why),)) for study, why in suspicious[:_LISTED]]
        note = f"{len(suspicious):,} images may show letters; look at them before they leave this machine"
        yield Block("burned-in text suspected", note, ("why",), tuple(rows))


def _made(made: Mapping[str, Any]) -> Block:
    rows = [
        Row("shards", (Shown(f"{made['shards']:,}"),)),
        Row("disk", (Shown(f"{made['bytes'] / _MB:,.1f} MB"),)),
        Row("per image", (Shown(f"{made['bytes'] / max(1, made['images']) / 1e3:.1f} kB"),)),
        Row("time", (Shown(f"{made['seconds']:,.0f} s on {made['cores']} cores"),)),
        Row("speed", (Shown(f"{made['images_per_second_and_core']:.1f} images a second and core"),)),
    ]
    return Block("disk and time", "of the shards", ("",), tuple(rows))


def _row(name: str, columns: Mapping[str, Any], of: Any, kind: Any = "reference") -> Row:
    return Row(name, tuple(_shown(of(one)) for one in columns.values()), kind)


def _shown(value: Any) -> Shown:
    if value is None:
        return Shown(DASH)
    return Shown(f"{value:,}" if isinstance(value, int) else str(value))


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:.1f}"
