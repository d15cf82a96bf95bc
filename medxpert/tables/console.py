"""Tables for the terminal, 80 columns wide."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from medxpert.report import NOTICE
from medxpert.tables.blocks import Block, Shown, Tables
from medxpert.words import Policy

_NAME_WIDTH = 14
_STYLES = {"reference": "", "main": "bold", "gain": "green"}


def show(
    tables: Tables,
    policy: Policy,
    remarks: Sequence[str] = (),
    console: Console | None = None,
    details: bool = True,
) -> None:
    """Print tables on stdout, what they rest on, and remarks such as the files that were written.

    Without `details` the tables that most readers can do without are left to the files.
    """
    console = console or Console(highlight=False)
    console.rule(Text(tables.heading, style="bold"), characters="━")
    for block in tables.blocks:
        if block.detail and not details:
            continue
        console.print(Text.assemble((f"\n{block.title}", "bold cyan"), (f"  {block.note}", "dim")))
        console.print(_table(block))
    console.print()
    for note in [*tables.notes, f"Policy: {policy}. {NOTICE}", *remarks]:
        console.print(Text(note, style="dim"))


def _table(block: Block) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="underline")
    table.add_column(" " * _NAME_WIDTH, no_wrap=True)
    for place, column in enumerate(block.columns):
        spread = any(row.cells[place].interval for row in block.rows)
        table.add_column(f"{column:>5}", justify="left" if spread else "right", no_wrap=True)
    for row in block.rows:
        style = _STYLES[row.kind]
        table.add_row(Text(row.name, style=style), *(_cell(cell, style) for cell in row.cells))
    return table


def _cell(cell: Shown, style: str) -> Text:
    return Text.assemble((f"{cell.value:>5}", style), (f" {cell.interval}" if cell.interval else "", "dim"))
