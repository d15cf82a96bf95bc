"""Tables as files for papers and programs: Markdown, LaTeX (booktabs) and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from medxpert.folders import atomic_file, explained, write_json
from medxpert.report import NOTICE
from medxpert.tables.blocks import Block, Cell, Row, Shown, Tables
from medxpert.words import Policy

_LATEX = str.maketrans(json.loads(files("medxpert.tables").joinpath("latex.json").read_text("utf-8")))
"""Character -> how LaTeX must be told to set it."""


def write_tables(folder: Path, name: str, tables: Tables, policy: Policy) -> list[Path]:
    """Write the tables of an evaluation as <name>.md, <name>.tex and <name>.json, and return the three paths.

    Raises:
        ConfigError: a file cannot be written.
    """
    tables = tables._replace(notes=(*tables.notes, f"Policy: {policy}. {NOTICE}"))
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{ending}" for ending in ("md", "tex", "json")]
    for path, text in zip(paths, (markdown(tables), latex(tables)), strict=False):
        with atomic_file(path) as sibling:
            sibling.write_text(text, encoding="utf-8")
    write_json(paths[-1], document(tables) | {"policy": policy})
    return paths


def markdown(tables: Tables) -> str:
    """Lay tables out as GitHub's Markdown; the rows the evaluation is about are bold."""
    parts = [f"# {tables.heading}", *(_markdown_table(block) for block in tables.blocks)]
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in tables.notes)]) + "\n"


def _markdown_table(block: Block) -> str:
    lines = [["", *block.columns], ["---", *["---:"] * len(block.columns)]]
    lines += [_cells(row, _plain, "**{}**") for row in block.rows]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {block.title}\n\n{block.note}\n\n{table}"


def _plain(cell: Shown) -> str:
    return f"{cell.value} ({cell.interval})" if cell.interval else cell.value


def latex(tables: Tables) -> str:
    """Lay tables out as LaTeX floats for the package booktabs, intervals in small type."""
    notes = "\n".join(f"% {note}" for note in (tables.heading, *tables.notes))
    return "\n\n".join(["% \\usepackage{booktabs}\n" + notes, *map(_latex_table, tables.blocks)]) + "\n"


def _latex_table(block: Block) -> str:
    header = " & ".join(["", *map(escaped, block.columns)])
    body: list[str] = []
    for row in block.rows:
        if row.kind == "gain" and "\\midrule" not in body:
            body.append("\\midrule")
        body.append(" & ".join(_cells(row, _small, "\\textbf{{{}}}", escaped)) + r" \\")
    lines = [
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escaped(block.title)}: {escaped(block.note)}.}}",
        f"\\begin{{tabular}}{{l{'r' * len(block.columns)}}}",
        "\\toprule",
        header + r" \\",
        "\\midrule",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines)


def _small(cell: Shown) -> str:
    return f"{escaped(cell.value)} {{\\scriptsize {escaped(cell.interval)}}}" if cell.interval else escaped(cell.value)


def escaped(text: str) -> str:
    """Write plain text so that LaTeX sets it as it stands."""
    return text.translate(_LATEX)


def _cells(row: Row, show: Callable[[Shown], str], bold: str, name: Callable[[str], str] = str) -> list[str]:
    """Show a row's name and cells, each in bold where the evaluation is about the row."""
    shown = [name(row.name), *map(show, row.cells)]
    return [bold.format(cell) if cell else "" for cell in shown] if row.kind == "main" else shown


def document(tables: Tables) -> dict[str, Any]:
    """Arrange tables as JSON values: what is shown, and the unrounded share beside it where there is one."""
    return {
        "heading": tables.heading,
        "notes": list(tables.notes),
        "tables": [
            {
                "title": block.title,
                "note": block.note,
                "columns": list(block.columns),
                "rows": [
                    {"name": row.name, "kind": row.kind, "cells": [_document(cell) for cell in row.cells]}
                    for row in block.rows
                ],
            }
            for block in tables.blocks
        ],
    }


def _document(cell: Shown) -> dict[str, Any]:
    shown: dict[str, Any] = {"value": cell.value, "interval": cell.interval}
    return shown if cell.cell is None else shown | {"share": _finite(cell.cell)}


def _finite(cell: Cell) -> dict[str, float | None]:
    """Return the numbers of a cell; JSON knows no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in cell.items()}
