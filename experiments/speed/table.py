"""The table of the speed study, for the terminal and for its README."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Result = Mapping[str, Any]
"""A row of results.json."""

UNMEASURED = "It has not been measured at length yet."
START, END = "<!-- table: written by measure.py -->", "<!-- end of the table -->"
_SPEED = ("row", "ours", "stock", "unit", "ratio", "target", "")
_BESIDE = ("row", "memory, MB", "stock's", "limit", "", "share", "growth")
_STYLES = {"met": "green", "short": "yellow"}


def met(row: Result) -> bool:
    """Return whether a row holds its ratio and everything else it promised."""
    return row["ratio"] >= row["target"] and all(row["reached"].values())


def show(rows: Sequence[Result], failed: Mapping[str, str], console: Console) -> None:
    """Print both tables, which fit 80 columns, the notes, and why rows failed."""
    if rows:
        console.print(Text(f"\n{_head(rows)}", style="dim"))
        for columns, cells in ((_SPEED, _speed), (_BESIDE, _beside)):
            console.print(_table(columns, [cells(row) for row in rows]))
    for row in rows:
        console.print(Text(f"{row['name']}: {row['work']}, against {row['stock_way']}", style="bold"))
        for note in _notes(row):
            console.print(Text(f"  {note}", style="dim"))
    for name, line in failed.items():
        console.print(Text(f"{name} was not measured: {line}", style="red"))


def markdown(rows: Sequence[Result]) -> str:
    """Return both tables and the notes as Markdown, a line that says so where nothing was measured."""
    if not rows:
        return UNMEASURED
    lines = [_head(rows), ""]
    for columns, cells in ((_SPEED, _speed), (_BESIDE, _beside)):
        lines += [_line(columns), _line(["---"] * len(columns)), *(_line(cells(row)) for row in rows), ""]
    for row in rows:
        lines.append(f"- `{row['name']}`: {row['work']}, against {row['stock_way']}.")
        lines += [f"  {note.rstrip('.')}." for note in _notes(row)]
    return "\n".join(lines)


def write_readme(path: Path, rows: Sequence[Result]) -> None:
    """Put the table between the two marks of a README.

    Raises:
        ValueError: the marks are not there.
    """
    text = path.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{path.name} needs the lines {START} and {END} around its table")
    path.write_text(f"{before}{START}\n{markdown(rows)}\n{END}{after}", encoding="utf-8")


def _head(rows: Sequence[Result]) -> str:
    found = dict.fromkeys(_hardware(row) for row in rows)
    trial = " A trial on tiny sizes: these figures mean nothing." if any(row["quick"] for row in rows) else ""
    return f"Measured on {'; and on '.join(found)}.{trial}"


def _hardware(row: Result) -> str:
    own = row["hardware"]
    flags = ", ".join(own["instructions"])
    bf16 = "" if "bf16" in flags else ", no bf16"
    return f"{own['cores']} cores ({flags}{bf16}), {own['threads']} threads on both sides, torch {own['torch']}"


def _speed(row: Result) -> list[str]:
    figures = [number(row[key]) for key in ("ours", "stock")]
    return [
        row["name"],
        *figures,
        row["unit"],
        f"{row['ratio']:.2f}",
        f"{row['target']:g}",
        "met" if met(row) else "short",
    ]


def _beside(row: Result) -> list[str]:
    memory = [f"{row['peak_memory_mb'][side]:,.0f}" for side in ("ours", "stock")]
    limit = f"{number(row['value'])} {row['unit']}"
    return [
        row["name"],
        *memory,
        row["limit"],
        limit,
        f"{row['share_of_limit']:.0%}",
        f"n^{row['growth']['exponent']:.2f}",
    ]


def _notes(row: Result) -> Iterator[str]:
    for promise, holds in row["reached"].items():
        yield f"{promise}: {'yes' if holds else 'NO'}"
    sizes = {size: seconds for size, seconds in row["growth"].items() if size != "exponent"}
    yield "growth: " + ", ".join(f"{size}: {number(seconds)} s" for size, seconds in sizes.items())
    yield from row["notes"]


def number(value: float) -> str:
    """Write a figure with three digits, or as many as stand before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0), header_style="underline")
    words = {"row", "unit", "limit"}
    for place, column in enumerate(columns):
        justify = "left" if column in words or (not column and place == len(columns) - 1) else "right"
        table.add_column(column, justify=justify, no_wrap=column != "limit")
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return table


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
