"""A run's Recall@K, before and after, as tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_DIRECTIONS = {"image_to_text": "Image to text", "text_to_image": "Text to image"}
_SPLITS = ("val", "test", "test_shift")
_CUTOFFS = ("recall@1", "recall@5", "recall@10")


def figures(metrics: Mapping[str, Any], start: str) -> Iterator[str]:
    """Yield the lines of both directions' tables; one line where nothing was measured.

    Args:
        metrics: what stands in metrics.json.
        start: stage of the weights that training started from.
    """
    tables = {title: list(_rows(metrics, start, direction)) for direction, title in _DIRECTIONS.items()}
    if not any(tables.values()):
        yield "not recorded"
        return
    yield "Recall@K in % with 95 % intervals (bootstrap over patients; gains are paired): how often the study's own"
    yield "answer is among the first K of all studies of the split."
    for title, rows in tables.items():
        if rows:
            yield from ("", f"| {title} | weights | R@1 | R@5 | R@10 |", "|---|---|---|---|---|", *rows)


def _rows(metrics: Mapping[str, Any], start: str, direction: str) -> Iterator[str]:
    differences = metrics.get("differences", {})
    shelves = {
        start: metrics.get(start, {}),
        "adapted": metrics.get("adapted", {}),
        "gain": differences.get(f"adapted-{start}", {}),
    }
    for split in _SPLITS:
        for weights, shelf in shelves.items():
            found = shelf.get(split, {}).get(direction, {}).get("identity", {})
            if found:
                cells = " | ".join(_cell(found.get(cutoff)) for cutoff in _CUTOFFS)
                yield f"| {_pool(metrics, split)} | {weights} | {cells} |"


def _pool(metrics: Mapping[str, Any], split: str) -> str:
    count = metrics.get("cases", {}).get(split, {}).get("studies")
    return f"{split} ({count} studies)" if count else split


def _cell(figure: Mapping[str, float] | None) -> str:
    """Show value and interval in percent; a pool smaller than the cutoff has neither."""
    if not figure:
        return "-"
    value, low, high = (100 * figure[name] for name in ("value", "low", "high"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"
