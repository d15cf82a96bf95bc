"""One self-contained page: tables, plots and provenance; no scripts, nothing fetched."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from medxpert.folders import atomic_file
from medxpert.report import NOTICE
from medxpert.tables.blocks import Block, Row, Shown, Tables


def write_page(
    path: Path, tables: Tables, provenance: Mapping[str, Any], figures: Mapping[Path, str] | None = None
) -> None:
    """Write tables and figures as a page.

    Args:
        path: HTML file.
        tables: what was measured.
        provenance: of what was measured; its policy is the page's banner.
        figures: PNG file -> caption; files that do not exist are left out.

    Raises:
        ConfigError: the file cannot be written.
    """
    here = files("medxpert.tables")
    page = Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        style=here.joinpath("page.css").read_text(encoding="utf-8").strip(),
        heading=escape(tables.heading),
        run=escape(f"MedXpert · {path.parent.name}"),
        notice=NOTICE,
        policy=escape(provenance["policy"]),
        notes="\n".join(f"<li>{escape(note)}</li>" for note in tables.notes),
        tables="\n".join(_table(block) for block in tables.blocks),
        plots=_figures(figures or {}),
        provenance=_provenance(provenance),
    )
    with atomic_file(path) as sibling:
        sibling.write_text(page, encoding="utf-8")


def _table(block: Block) -> str:
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("", *block.columns))
    rows = "\n".join(_row(row) for row in block.rows)
    caption = f"<caption>{escape(block.title)}<span>{escape(block.note)}</span></caption>"
    table = f"<table>{caption}\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _row(row: Row) -> str:
    return f'<tr class="{row.kind}"><td>{escape(row.name)}</td>{"".join(_cell(cell) for cell in row.cells)}</tr>'


def _cell(cell: Shown) -> str:
    interval = f" <small>{escape(cell.interval)}</small>" if cell.interval else ""
    return f"<td>{escape(cell.value)}{interval}</td>"


def _figures(figures: Mapping[Path, str]) -> str:
    drawn = "\n".join(_figure(picture, caption) for picture, caption in figures.items() if picture.is_file())
    return f"<section>\n<h2>Plots</h2>\n{drawn}\n</section>" if drawn else ""


def _figure(picture: Path, caption: str) -> str:
    encoded = base64.b64encode(picture.read_bytes()).decode("ascii")
    source = f'<img alt="{escape(caption)}" src="data:image/png;base64,{encoded}">'
    return f"<figure>{source}<figcaption>{escape(caption)}</figcaption></figure>"


def _provenance(provenance: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td>{escape(_plain(value))}</td></tr>"
        for name, value in provenance.items()
    )
    return f'<table class="provenance"><tbody>\n{rows}\n</tbody></table>'


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value) or "none"
    return value if isinstance(value, str) else json.dumps(value)
