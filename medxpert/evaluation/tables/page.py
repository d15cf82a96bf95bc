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

from medxpert.evaluation.tables.blocks import Block, Row, Shown, Tables
from medxpert.folders import atomic_file
from medxpert.report import NOTICE

_CAPTIONS = {
    "recall_curves.png": "Share of queries whose own counterpart is among the first K, with 95 % intervals.",
    "auroc.png": "How often a positive study outscores a negative one; 0.5 is guessing.",
    "similarity.png": "Cosines of images and texts, grouped by main observation; true pairs lie on the diagonal. "
    "Each panel has its own scale.",
    "embedding_map.png": "Images and texts on the two main components, each kind centred on its own mean.",
    "top_image_to_text.png": "For a few radiographs, the texts that the adapted weights find nearest.",
    "top_text_to_image.png": "For the texts of the same studies, the radiographs found nearest.",
    "worst_image_to_text.png": "The radiographs whose own text came last, and what came first instead.",
}


def write_page(path: Path, tables: Tables, provenance: Mapping[str, Any], plots: Path) -> None:
    """Write the page of a split.

    Args:
        path: HTML file.
        tables: what was measured.
        provenance: of the run or the embeddings; its policy is the page's banner.
        plots: folder of the PNG files to embed.

    Raises:
        ConfigError: the file cannot be written.
    """
    here = files("medxpert.evaluation.tables")
    page = Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        style=here.joinpath("page.css").read_text(encoding="utf-8").strip(),
        heading=escape(tables.heading),
        run=escape(f"MedXpert · {path.parent.name}"),
        notice=NOTICE,
        policy=escape(provenance["policy"]),
        notes="\n".join(f"<li>{escape(note)}</li>" for note in tables.notes),
        tables="\n".join(_table(block) for block in tables.blocks),
        plots="\n".join(
            _figure(plots / name, caption) for name, caption in _CAPTIONS.items() if (plots / name).is_file()
        ),
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
