"""What every table is made of, the same for the terminal, the page and the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Cell = Mapping[str, float]
"""A value in [0, 1], or a rank, with its low and high where there is an interval."""

DASH = "\N{EN DASH}"


class Shown(NamedTuple):
    """One table cell: a value and its interval as text, either may be empty."""

    value: str
    interval: str = ""
    cell: Cell | None = None
    """What is shown, where it is a share."""


class Row(NamedTuple):
    """One contender or difference."""

    name: str
    cells: tuple[Shown, ...]
    kind: Literal["reference", "main", "gain"] = "reference"


class Block(NamedTuple):
    """One table."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    detail: bool = False
    """Whether most readers can do without it."""


class Tables(NamedTuple):
    """What an evaluation shows."""

    heading: str
    """One line that says what was measured."""
    notes: tuple[str, ...]
    """What the figures rest on."""
    blocks: tuple[Block, ...]


def percent(cell: Cell | None, signed: bool = False, decimals: int = 1) -> Shown:
    """Show a share in percent, its interval with a slash where it starts below zero."""
    if cell is None:
        return Shown(DASH)
    value = f"{100 * cell['value']:+.1f}" if signed else f"{100 * cell['value']:.1f}"
    if "low" not in cell:
        return Shown(value, "", cell)
    ends = (f"{100 * cell[end]:.{decimals}f}".replace("100.0", "100") for end in ("low", "high"))
    return Shown(value, (DASH if cell["low"] >= 0 else "/").join(ends), cell)
